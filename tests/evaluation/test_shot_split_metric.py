import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmpretrain.structures import DataSample

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.evaluation import ShotSplitMetric

COUNTS = [101, 100, 20, 19, 0, 500]


def random_results(seed, num_images=200, num_classes=6, absent=()):
    generator = np.random.default_rng(seed)
    present = [c for c in range(num_classes) if c not in absent]
    labels = generator.choice(present, size=num_images)
    wrong = generator.integers(num_classes, size=num_images)
    predictions = np.where(generator.random(num_images) < 0.5, labels, wrong)
    return list(zip(predictions.tolist(), labels.tolist()))


def naive_metrics(results, counts, many=100, few=20):
    """Macro accuracies with loops over classes and images."""
    accuracy = {}
    for c in range(len(counts)):
        hits = [p == y for p, y in results if y == c]
        if hits:
            accuracy[c] = 100 * sum(hits) / len(hits)
    splits = dict(
        all=list(accuracy),
        many=[c for c in accuracy if counts[c] > many],
        medium=[c for c in accuracy if few <= counts[c] <= many],
        few=[c for c in accuracy if counts[c] < few],
    )
    metrics = {
        name: sum(accuracy[c] for c in classes) / len(classes)
        for name, classes in splits.items()
        if classes
    }
    metrics['micro'] = 100 * sum(p == y for p, y in results) / len(results)
    return metrics


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize(
    'thresholds', [{}, dict(many=19, few=19), dict(many=600, few=0)]
)
def test_against_naive_reference(seed, thresholds):
    metric = ShotSplitMetric(class_counts=COUNTS, **thresholds)
    results = random_results(seed)
    found = metric.compute_metrics(results)
    assert found == pytest.approx(naive_metrics(results, COUNTS, **thresholds))


def test_an_empty_split_is_absent():
    metric = ShotSplitMetric(class_counts=[500, 400, 300])
    found = metric.compute_metrics(random_results(0, num_classes=3))
    assert set(found) == {'all', 'many', 'micro'}


def test_classes_without_test_images_are_left_out_and_counted():
    metric = ShotSplitMetric(class_counts=COUNTS)
    results = random_results(1, absent=(3, 4))
    found = metric.compute_metrics(results)
    assert found.pop('untested_classes') == 2
    assert found == pytest.approx(naive_metrics(results, COUNTS))
    assert 'few' not in found, 'no class of the split has a test image'


def test_per_class():
    metric = ShotSplitMetric(class_counts=COUNTS, per_class=True)
    found = metric.compute_metrics([(0, 0), (1, 0), (2, 2)])
    assert found['class_0'] == 50
    assert found['class_2'] == 100
    assert 'class_1' not in found


def samples(scores, labels):
    return [
        DataSample(sample_idx=i).set_gt_label(label).set_pred_score(row)
        for i, (row, label) in enumerate(zip(scores, labels))
    ]


@pytest.mark.parametrize('with_label', [True, False])
def test_through_mmengines_evaluator(with_label):
    evaluator = Evaluator(ShotSplitMetric(class_counts=[500, 50, 5]))
    scores = torch.rand(30, 3)
    labels = torch.randint(3, (30,)).tolist()
    batch = samples(scores, labels)
    if with_label:
        for sample, row in zip(batch, scores):
            sample.set_pred_label(row.argmax())
    evaluator.process(batch[:20])
    evaluator.process(batch[20:])
    found = evaluator.evaluate(30)
    expected = naive_metrics(list(zip(scores.argmax(1).tolist(), labels)), [500, 50, 5])
    assert found == pytest.approx({f'shot/{k}': v for k, v in expected.items()})


def test_a_score_that_underflows_still_ranks():
    evaluator = Evaluator(ShotSplitMetric(class_counts=[5, 5]))
    evaluator.process(samples(torch.zeros(1, 2), [0]))
    assert evaluator.evaluate(1)['shot/micro'] == 100


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_scores_that_are_not_finite(value):
    scores = torch.rand(4, 3)
    scores[2, 1] = value
    with pytest.raises(ConfigError, match='not finite for the image 2'):
        Evaluator(ShotSplitMetric()).process(samples(scores, [0] * 4))


def test_errors_say_what_would_be_right():
    with pytest.raises(ConfigError, match='ClassCountsHook'):
        ShotSplitMetric().compute_metrics([(0, 0)])
    for label in (3, -1):
        with pytest.raises(ConfigError, match=rf'label {label} lies outside 0\.\.2'):
            ShotSplitMetric(class_counts=[1, 1, 1]).compute_metrics(
                [(0, 0), (0, label)]
            )
    with pytest.raises(ConfigError, match='no images'):
        ShotSplitMetric(class_counts=[1, 1, 1]).compute_metrics([])
    with pytest.raises(ConfigError, match='few=30, many=20'):
        ShotSplitMetric(many=20, few=30)
    several = [DataSample().set_gt_label([0, 1]).set_pred_score(torch.rand(3))]
    with pytest.raises(ConfigError, match='exactly one label'):
        Evaluator(ShotSplitMetric()).process(several)


def test_counts_in_the_config_win():
    metric = ShotSplitMetric(class_counts=[500, 5])
    metric.set_class_counts([5, 500])
    assert metric.counts.tolist() == [500, 5]


def evaluate_on_a_rank(rank, results, world_size):
    # The sampler deals images out in turn and repeats the first ones to fill up.
    padded = results + results[: -len(results) % world_size]
    metric = ShotSplitMetric(class_counts=COUNTS)
    metric.results = padded[rank::world_size]
    return metric.evaluate(len(results))


@pytest.mark.parametrize('num_images', [40, 41])
@pytest.mark.promise('two ranks compute what one process does')
def test_two_ranks_equal_one(gloo2, num_images):
    results = random_results(3, num_images)
    expected = naive_metrics(results, COUNTS)
    for found in gloo2.run(evaluate_on_a_rank, results, 2):
        assert found == pytest.approx({f'shot/{k}': v for k, v in expected.items()})


def test_classes_are_logged_from_the_rarest_in_test_images_on(monkeypatch):
    said = []
    module = 'mmlt_plugin.evaluation.shot_split_metric'
    monkeypatch.setattr(f'{module}.print_log', lambda text, *_, **__: said.append(text))
    metric = ShotSplitMetric(class_counts=[5, 50], per_class=True)
    metric.dataset_meta = dict(classes=['cat', 'dog'])
    metric.compute_metrics([(0, 0), (1, 0)])
    assert said[1:] == [
        'class 1 (dog): 50 training images, no test images',
        'class 0 (cat): 5 training images, 50.00 % of 2 test images',
    ]


def test_an_image_whose_score_is_not_finite_is_named():
    batch = [
        dict(
            img_path=f'{number}.png',
            sample_idx=number,
            gt_label=torch.tensor([0]),
            pred_score=torch.tensor([1.0, score]),
        )
        for number, score in enumerate((0.0, float('nan')))
    ]
    with pytest.raises(ConfigError, match=r'image 1\.png'):
        ShotSplitMetric().process({}, batch)
