"""BBN's two branches."""

from __future__ import annotations

import torch
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_choice
from ...errors import ConfigError
from ..backbones.stages import last_block
from ..layers import split_halves
from .backbone_parts import BackboneParts

BRANCHES = ('both', 'conventional', 'rebalancing')


@MODELS.register_module()
class BilateralNeck(BackboneParts):
    """Two copies of a backbone's last block: the conventional and the re-balancing branch.

    BBN Sec. 4.2. In training the first half of the batch goes through the conventional
    block, the second half through the re-balancing one, and row n of the result pairs the
    n-th images of both. In evaluation every image goes through both.

    Args:
        backbone: Config of the whole backbone, the same as for ``BilateralTrunk``; it is built
            to obtain the last block with all its settings.
        norm_cfg: Normalisation within the branches, each of which only sees one half; None
            is the backbone's own.
        branch: ``both``; or ``conventional`` or ``rebalancing`` to send all images, also in
            training, through one branch only, to judge it as in BBN's Table 5.
        pairs: Whether a training batch is a uniform and a re-balanced half. False sends
            every image through both blocks, as in evaluation.

    Returns:
        tuple[Tensor]: One tensor of pooled features, conventional ones first: (B, 2D) for maps
        (2B, D, H, W) in training on pairs, otherwise (N, 2D) for (N, D, H, W); (N, D) for a
        single branch.

    Raises:
        ConfigError: The backbone has no residual stages, ``branch`` is unknown, or a
            training batch is odd.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import BilateralNeck
        >>> neck = BilateralNeck(dict(type='CIFARResNet', depth=32))
        >>> neck((torch.zeros(6, 64, 8, 8),))[0].shape
        torch.Size([3, 128])
        >>> neck.eval()((torch.zeros(6, 64, 8, 8),))[0].shape
        torch.Size([6, 128])
    """

    def __init__(
        self,
        backbone: dict,
        norm_cfg: dict | None = None,
        branch: str = 'both',
        pairs: bool = True,
    ) -> None:
        check_choice('branch of BilateralNeck', branch, BRANCHES)
        settings = {**backbone, 'norm_cfg': norm_cfg} if norm_cfg else backbone
        net = MODELS.build(settings)
        name = last_block(net)
        # Two networks, so that the branches start from different weights.
        blocks = [n.get_submodule(name) for n in (net, MODELS.build(settings))]
        super().__init__(net, [(name, block) for block in blocks])
        self.conventional, self.rebalancing = blocks
        self.branch = branch
        self.pairs = pairs

    def check_neighbours(self, backbone: nn.Module, head: nn.Module) -> None:
        """Refuse a complete backbone, and a head that takes no pairs."""
        if not hasattr(backbone, 'is_bilateral_trunk'):
            raise ConfigError(
                'BilateralNeck has the last block of the backbone, which model.backbone '
                "must leave out: set model.backbone=dict(type='BilateralTrunk', "
                'backbone=...)'
            )
        # A frozen neck runs in evaluation mode.
        learns = any(parameter.requires_grad for parameter in self.parameters())
        in_pairs = self.pairs and self.branch == 'both' and learns
        if in_pairs and not hasattr(head, 'set_alpha'):
            raise ConfigError(
                f'BilateralNeck pairs the images of a batch, and {type(head).__name__} '
                "takes single ones: set model.head.type='BBNHead', or "
                'model.neck.pairs=False'
            )

    def forward(self, feats: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        """Map the trunk's last feature map to the concatenated features of both branches."""
        x = feats[-1]
        if self.branch != 'both':
            return (getattr(self, self.branch)(x).mean((2, 3)),)
        in_pairs = self.pairs and self.training
        uniform, rebalanced = split_halves(x) if in_pairs else (x, x)
        branches = [self.conventional(uniform), self.rebalancing(rebalanced)]
        return (torch.cat([f.mean((2, 3)) for f in branches], dim=1),)
