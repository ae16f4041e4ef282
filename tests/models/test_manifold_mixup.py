"""Manifold mixup against its formula."""

import pytest
import torch
from torch.distributions import Beta

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import ManifoldMixupClassifier
from tests.models.samples import samples

LAYERS = ['inputs', 'backbone.layer1', 'backbone.layer2', 'neck']


def make(layers, **settings):
    torch.manual_seed(0)
    return ManifoldMixupClassifier(
        backbone=dict(
            type='CIFARResNet', depth=20, norm_cfg=dict(type='GN', num_groups=2)
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead',
            num_classes=3,
            in_channels=64,
            loss=dict(type='CrossEntropyLoss', use_soft=True),
        ),
        layers=layers,
        **settings,
    ).double()


def stages(model):
    """The network as a list of functions, split where it can mix."""
    net = model.backbone

    def stem_and_first(x):
        return net.layer1(net.relu(net.norm1(net.conv1(x))))

    return [
        lambda x: x,
        stem_and_first,
        net.layer2,
        lambda x: model.neck(net.layer3(x)),
    ]


@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('two_samplers', [False, True])
def test_against_the_formula(layer, two_samplers):
    model = make([layer], two_samplers=two_samplers)
    images = torch.randn(6, 3, 32, 32, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 0, 0, 1])

    torch.manual_seed(5)
    torch.randint(1, ())
    ratio = float(Beta(1.0, 1.0).sample())
    first, second = torch.arange(6), None if two_samplers else torch.randperm(6)
    if two_samplers:
        first, second = torch.arange(3), torch.arange(3, 6)

    def mix(x):
        return ratio * x[first] + (1 - ratio) * x[second]

    x = images
    for position, function in enumerate(stages(model)):
        x = function(x)
        if LAYERS[position] == layer:
            x = mix(x)
    log_p = model.head((x,)).log_softmax(1)
    expected = 0.0
    for n in range(len(first)):
        expected -= ratio * log_p[n, labels[first[n]]]
        expected -= (1 - ratio) * log_p[n, labels[second[n]]]
    expected = expected / len(first)

    torch.manual_seed(5)
    found = model.loss(images, samples(labels))['loss']
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    gradients = torch.autograd.grad(found, list(model.parameters()))
    references = torch.autograd.grad(expected, list(model.parameters()))
    for gradient, reference in zip(gradients, references):
        torch.testing.assert_close(gradient, reference, rtol=1e-5, atol=1e-6)


def test_all_layers_are_drawn_and_evaluation_is_untouched():
    model = make(LAYERS)
    drawn = set()
    for name in LAYERS[1:]:
        model.get_submodule(name).register_forward_hook(
            lambda module, args, output, name=name: drawn.add(name)
        )
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    losses = {
        float(model.loss(images, samples([0, 1, 2, 0]))['loss']) for _ in range(9)
    }
    assert len(losses) > 4
    model.eval()
    first, second = (model(images, mode='tensor')[0] for _ in range(2))
    torch.testing.assert_close(first, second)
    assert not any(
        hook for m in model.modules() for hook in m._forward_hooks.values()
        if 'mix_output' in str(hook)
    )  # fmt: skip


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(layers=['backbone.layer9']), 'backbone.layer9'),
        (dict(layers=['inputs'], beta=0), 'beta=0'),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        make(**settings)


def test_a_layer_without_part_in_the_forward_pass_is_named():
    model = make(['inputs'])
    model.unused, model.layers = torch.nn.Identity(), ['unused']
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(ConfigError, match='takes no part'):
        model.loss(images, samples([0, 1]))


def test_odd_bilateral_batch():
    model = make(['backbone.layer1'], two_samplers=True)
    images = torch.randn(3, 3, 32, 32, dtype=torch.float64)
    with pytest.raises(ConfigError, match=r'odd|even|halves'):
        model.loss(images, samples([0, 1, 2]))
