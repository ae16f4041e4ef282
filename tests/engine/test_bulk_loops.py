"""Evaluating whole batches gives the same results."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample

from mmlt_plugin.datasets.bulk import in_one_sample, one_an_image
from mmlt_plugin.errors import ConfigError
from mmlt_plugin.evaluation import ShotSplitMetric
from mmlt_plugin.scripts.careful_runner import build_runner
from tests.conftest import ROOT
from tests.engine.runs import make_runner

SPLITS = dict(type='ShotSplitMetric', per_class=True)


@pytest.mark.parametrize('method', ['ce', 'reslt', 'bbn'])
def test_equal_to_the_stock_loops(method, tmp_path):
    config = f'{method}/resnet20_digits-lt-if32.py'
    found = []
    for in_memory in (True, False):
        runner = make_runner(
            tmp_path / str(in_memory), config=config, in_memory=in_memory,
            val_evaluator=SPLITS, test_evaluator=SPLITS,
        )  # fmt: skip
        found.append((runner.val(), runner.test()))
        assert type(runner.val_loop).__name__ == (
            'BulkValLoop' if in_memory else 'ValLoop'
        )
    assert found[0] == found[1]
    assert found[0][0]['shot/micro'] > 0


def test_one_sample_a_batch(tmp_path):
    seen = []
    runner = make_runner(tmp_path, in_memory=True)
    metric = type('Spy', (ShotSplitMetric,), {})()
    process = metric.process
    metric.process = lambda batch, samples: (
        seen.append(samples), process(batch, samples)
    )  # fmt: skip
    runner.val()  # builds the loop
    runner.val_evaluator.metrics = [metric]
    metric.set_class_counts([5] * 10)
    runner.val()
    assert {len(samples) for samples in seen} == {1}
    assert sum(len(s[0]['gt_label']) for s in seen) == 500
    assert seen[0][0]['pred_score'].shape == (len(seen[0][0]['gt_label']), 10)


def test_other_metrics_get_their_samples(tmp_path):
    """mmpretrain's accuracy and ours agree, in bulk and not."""
    evaluator = [dict(type='Accuracy', topk=(1, 3)), SPLITS]
    found = [
        make_runner(
            tmp_path / str(m), in_memory=m, val_evaluator=evaluator
        ).val()
        for m in (True, False)
    ]  # fmt: skip
    assert found[0] == found[1]
    assert found[0]['accuracy/top1'] == pytest.approx(found[0]['shot/micro'])


@pytest.mark.parametrize('flips', [1, 2])
@pytest.mark.parametrize('collate', ['default_collate', 'pseudo_collate'])
@pytest.mark.parametrize('batch_size', [1, 250])
def test_test_time_augmentation(flips, collate, batch_size, tmp_path):
    """Test-time augmentation over several views, on data that are not in bulk."""
    views = [dict(type='RandomFlip', prob=float(p)) for p in range(flips)]
    pipeline = [
        dict(type='Resize', scale=16),
        dict(type='TestTimeAug', transforms=[views, [dict(type='PackInputs')]]),
    ]
    found = []
    for loop in ('BulkTestLoop', 'TestLoop'):
        cfg = Config.fromfile(ROOT / 'configs/ce/resnet20_digits-lt-if32.py')
        cfg.model.backbone.depth = 8
        cfg.model = dict(type='AverageClsScoreTTA', module=cfg.model)
        cfg.test_dataloader.update(
            batch_size=batch_size, num_workers=0, collate_fn=dict(type=collate)
        )
        cfg.test_dataloader.dataset.update(pipeline=pipeline, indices=500 // batch_size)
        cfg.test_cfg = dict(type=loop)
        cfg.update(work_dir=str(tmp_path / loop), launcher='none', log_level='ERROR')
        cfg.experiment_name = f'{tmp_path}-{loop}'.replace('/', '_')
        found.append(build_runner(cfg).test())
    assert found[0] == found[1]


@pytest.mark.parametrize('method', ['predict', 'forward'])
def test_models_that_predict_in_their_own_way(method, tmp_path):
    found = []
    for in_memory in (True, False):
        runner = make_runner(tmp_path / str(in_memory), in_memory=in_memory)

        def rolled(self, *args, **kwargs):
            samples = getattr(ImageClassifier, method)(self, *args, **kwargs)
            for sample in samples:
                sample.set_pred_label((sample.pred_label + 1) % 10)
            return samples

        own = type('Own', (type(runner.model),), {method: rolled})
        runner.model.__class__ = own
        found.append(runner.val())
    assert found[0] == found[1]


def test_a_batch_of_one(tmp_path):
    settings = {'val_dataloader.batch_size': 499}
    found = [
        make_runner(tmp_path / str(m), in_memory=m, **settings).val()
        for m in (True, False)
    ]
    assert found[0] == found[1]


def test_samples_there_and_back():
    batch = DataSample(metainfo=dict(sample_idx=[4, 2, 9]))
    batch.set_gt_label(torch.tensor([1, 0, 1]))
    samples = one_an_image([batch])
    assert [s.sample_idx for s in samples] == [4, 2, 9]
    assert torch.equal(in_one_sample(samples)[0].gt_label, batch.gt_label)
    assert one_an_image(samples) == samples
    single = DataSample(metainfo=dict(sample_idx=[7])).set_gt_label(torch.tensor([3]))
    assert one_an_image([single])[0].sample_idx == 7
    soft = [DataSample().set_gt_score([0.5, 0.5]) for _ in range(2)]
    assert in_one_sample(soft) == soft


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_the_image_with_a_broken_score_is_named(bad):
    scores = torch.rand(3, 4)
    scores[1, 2] = bad
    bulk = dict(
        gt_label=torch.tensor([0, 1, 2]),
        pred_label=torch.tensor([0, 1, 2]),
        pred_score=scores,
        sample_idx=[70, 80, 90],
    )
    with pytest.raises(ConfigError, match='image 80:'):
        ShotSplitMetric().process(None, [bulk])


def test_a_stock_loop_over_bulk_labels_is_refused(tmp_path):
    """Otherwise the metric would count one image per batch."""
    runner = make_runner(tmp_path, in_memory=True)
    runner._val_loop['type'] = 'ValLoop'
    with pytest.raises(ConfigError, match=r'one label and one prediction.*BulkValLoop'):
        runner.val()
