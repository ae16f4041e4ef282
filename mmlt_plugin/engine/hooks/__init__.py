"""Hooks of mmengine's Runner."""

from .allocator_hook import AllocatorHook
from .atomic_checkpoint_hook import AtomicCheckpointHook
from .channels_last_hook import ChannelsLastHook
from .checkpoint_match_hook import CheckpointMatchHook
from .class_counts_hook import ClassCountsHook
from .class_means_hook import ClassMeansHook
from .compile_hook import CompileHook
from .cumulative_alpha_hook import CumulativeAlphaHook
from .deferred_recipe_hook import DeferredRecipeHook
from .evaluate_on_resume_hook import EvaluateOnResumeHook
from .exact_resume_hook import ExactResumeHook
from .finite_loss_hook import FiniteLossHook
from .folder_visualization_hook import FolderVisualizationHook
from .lazy_runtime_info_hook import LazyRuntimeInfoHook
from .matmul_precision_hook import MatmulPrecisionHook
from .non_blocking_input_hook import NonBlockingInputHook
from .provenance_hook import ProvenanceHook
from .second_stage_hook import SecondStageHook
from .self_paced_experts_hook import SelfPacedExpertsHook
from .work_dir_lock_hook import WorkDirLockHook

__all__ = [
    'AllocatorHook',
    'AtomicCheckpointHook',
    'ChannelsLastHook',
    'CheckpointMatchHook',
    'ClassCountsHook',
    'ClassMeansHook',
    'CompileHook',
    'CumulativeAlphaHook',
    'DeferredRecipeHook',
    'EvaluateOnResumeHook',
    'ExactResumeHook',
    'FiniteLossHook',
    'FolderVisualizationHook',
    'LazyRuntimeInfoHook',
    'MatmulPrecisionHook',
    'NonBlockingInputHook',
    'ProvenanceHook',
    'SecondStageHook',
    'SelfPacedExpertsHook',
    'WorkDirLockHook',
]
