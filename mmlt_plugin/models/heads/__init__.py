"""Classification heads."""

from .bbn_head import BBNHead
from .cosine_head import CosineClsHead
from .early_exit_head import EarlyExitHead
from .feature_loss_head import FeatureLossHead
from .fslwf_head import FSLwFHead
from .logit_adjusted_head import LogitAdjustedHead
from .lws_head import LWSHead
from .multi_expert_head import MultiExpertHead
from .ncm_head import NCMHead
from .oltr_head import OLTRHead
from .reslt_head import ResLTHead
from .shot_split_head import ShotSplitHead
from .targets import stack_targets
from .tau_norm_head import TauNormHead
from .tde_head import TDEHead

__all__ = [
    'BBNHead',
    'CosineClsHead',
    'EarlyExitHead',
    'FSLwFHead',
    'FeatureLossHead',
    'LWSHead',
    'LogitAdjustedHead',
    'MultiExpertHead',
    'NCMHead',
    'OLTRHead',
    'ResLTHead',
    'ShotSplitHead',
    'TDEHead',
    'TauNormHead',
    'stack_targets',
]
