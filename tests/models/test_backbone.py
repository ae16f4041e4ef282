import pytest
import torch
import torch.nn.functional as F

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import CIFARResNet
from mmlt_plugin.models.layers import ZeroPadShortcut, tau_normalize


@pytest.mark.parametrize(
    ('depth', 'width', 'parameters'), [(32, 1, 463_504), (32, 2, None), (20, 3, None)]
)
def test_shapes_and_parameters(depth, width, parameters):
    net = CIFARResNet(depth=depth, width=width)
    (feature,) = net(torch.zeros(2, 3, 32, 32))
    assert feature.shape == (2, 64 * width, 8, 8)
    blocks = (depth - 2) // 6
    assert [len(net.layer1), len(net.layer2), len(net.layer3)] == [blocks] * 3
    if parameters:
        assert sum(p.numel() for p in net.parameters()) == parameters


def test_forward_written_out():
    torch.manual_seed(0)
    net = CIFARResNet(depth=8)
    net.init_weights()
    x = torch.randn(2, 3, 32, 32)
    (feature,) = net(x)

    def norm(x, bn):
        return F.batch_norm(x, None, None, bn.weight, bn.bias, training=True)

    y = norm(F.conv2d(x, net.conv1.weight, padding=1), net.bn1).relu()
    for stage, stride in ((net.layer1, 1), (net.layer2, 2), (net.layer3, 2)):
        for block in stage:  # one a stage in depth 8
            z = norm(
                F.conv2d(y, block.conv1.weight, stride=stride, padding=1), block.bn1
            )
            z = norm(F.conv2d(z.relu(), block.conv2.weight, padding=1), block.bn2)
            if stride == 2:
                pad = y.size(1) // 2
                zeros = torch.zeros(2, pad, y.size(2) // 2, y.size(3) // 2)
                y = torch.cat([zeros, y[:, :, ::2, ::2], zeros], dim=1)
            y = (y + z).relu()
    torch.testing.assert_close(feature, y, rtol=1e-4, atol=1e-4)


def test_official_initialisation():
    torch.manual_seed(0)
    net = CIFARResNet(depth=32, width=2)
    net.init_weights()
    for name, parameter in net.named_parameters():
        if parameter.dim() == 4:
            fan_in = parameter[0].numel()
            assert parameter.std().item() == pytest.approx(
                (2 / fan_in) ** 0.5, rel=0.1
            ), name
        elif name.endswith('weight'):
            assert (parameter == 1).all(), 'the last BN of a block starts at 1 too'


def test_options_of_mmpretrains_resnet_still_work():
    net = CIFARResNet(depth=20, frozen_stages=1, out_indices=(0, 2), norm_eval=True)
    net.train()
    assert not any(p.requires_grad for p in net.layer1.parameters())
    assert not net.layer3[0].bn1.training
    shapes = [tuple(f.shape) for f in net(torch.zeros(1, 3, 32, 32))]
    assert shapes == [(1, 16, 32, 32), (1, 64, 8, 8)]


@pytest.mark.parametrize('depth', [18, 33, 2])
def test_wrong_depth(depth):
    with pytest.raises(ConfigError, match='6n'):
        CIFARResNet(depth=depth)


@pytest.mark.parametrize('channels', [(2, 4), (3, 6), (4, 4)])
def test_shortcut_pads_both_sides(channels):
    x = torch.randn(2, channels[0], 5, 4)
    y = ZeroPadShortcut(*channels, stride=2)(x)
    before = (channels[1] - channels[0]) // 2
    assert y.shape == (2, channels[1], 3, 2)
    torch.testing.assert_close(y[:, before : before + channels[0]], x[:, :, ::2, ::2])
    assert y.abs().sum() == pytest.approx(
        x[:, :, ::2, ::2].abs().sum().item(), rel=1e-5
    )


@pytest.mark.parametrize('tau', [0.0, 0.3, 0.7, 1.0])
def test_tau_normalisation(tau):
    assert tau_normalize(torch.zeros(2, 3), tau).isfinite().all()
    weight = torch.randn(5, 7, dtype=torch.float64)
    expected = [
        [w / sum(v**2 for v in row) ** (tau / 2) for w in row] for row in weight
    ]
    torch.testing.assert_close(
        tau_normalize(weight, tau), torch.tensor(expected, dtype=torch.float64)
    )
