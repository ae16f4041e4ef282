"""The loss of ResLT."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce, get_world_size
from mmpretrain.registry import MODELS
from torch import nn

from ...checks import check_number
from ...errors import ConfigError


@MODELS.register_module()
class ResLTLoss(nn.Module):
    r"""Branch loss and fusion loss of ResLT (Eqs. 1 to 3), as in the released code.

    With branch logits :math:`z_b`, masks :math:`m_b(y) \in \{0, 1\}` that say whether
    class y belongs to branch b, and
    :math:`\ell_\epsilon(z, y) = -\log(\mathrm{softmax}(z)_y + \epsilon)`:

    .. math::

        L = \alpha \frac{\sum_{n,b} m_b(y_n)\, \ell_\epsilon(z_b(x_n), y_n)}
                        {\sum_{n,b} m_b(y_n)}
          + (1 - \alpha) \frac1N \sum_n \ell_{\epsilon'}(z(x_n), y_n)

    The branch loss is one mean over all (image, branch) pairs, not a sum of one mean per
    branch as Eq. 2 suggests. Both means are over the images of all ranks, so the gradients
    that DDP averages equal those of one process with the whole batch. For a soft label y the
    loss of a pair is :math:`\sum_c y_c m_b(c) \ell(z_b, c)`, the same as mixing the losses of
    two hard labels.

    Args:
        alpha: Weight of the branch loss, in [0, 1]. The paper has 0.995 on CIFAR and 0.90 on
            iNaturalist, the released code 0.72 to 0.998.
        branch_eps: :math:`\epsilon \ge 0`, which caps the loss of one pair at
            :math:`-\log \epsilon`; 0 is ordinary cross-entropy.
        fusion_eps: :math:`\epsilon'`, 0 on CIFAR and iNaturalist, 1e-7 on ImageNet-LT.
        loss_weight: Factor of both terms, >= 0.

    Raises:
        ConfigError: ``alpha`` lies outside [0, 1], or an epsilon or ``loss_weight`` is
            negative.

    Example:
        >>> import torch
        >>> from mmlt_plugin.models import ResLTLoss
        >>> masks = torch.tensor([[1.0, 1.0], [0.0, 1.0]])  # all classes; class 1 only
        >>> loss = ResLTLoss(alpha=0.9)
        >>> loss(torch.zeros(4, 2, 2), torch.zeros(4, 2), torch.tensor([0, 0, 0, 1]), masks)
        {'loss_branch': tensor(0.6238), 'loss_fusion': tensor(0.0693)}
    """

    def __init__(
        self,
        alpha: float = 0.995,
        branch_eps: float = 1e-7,
        fusion_eps: float = 0.0,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__()
        meaning = 'it is the weight of the branch loss against the fusion loss'
        check_number('alpha of ResLTLoss', alpha, '[0, 1]', meaning=meaning)
        check_number('branch_eps of ResLTLoss', branch_eps, '[0, inf)')
        check_number('fusion_eps of ResLTLoss', fusion_eps, '[0, inf)')
        check_number('loss_weight of ResLTLoss', loss_weight, '[0, inf)')
        self.alpha = alpha
        self.branch_eps = branch_eps
        self.fusion_eps = fusion_eps
        self.loss_weight = loss_weight

    def check_head(self, head: nn.Module) -> None:
        """Refuse a head without branches."""
        if not hasattr(head, 'branch_logits'):
            raise ConfigError(
                f'ResLTLoss takes the logits of branches, and {type(head).__name__} gives '
                "none: model.head should be of type 'ResLTHead'"
            )

    def forward(
        self,
        branch_logits: torch.Tensor,
        fused_logits: torch.Tensor,
        target: torch.Tensor,
        masks: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Weighted terms whose sum is the loss.

        Args:
            branch_logits: (N, G, C).
            fused_logits: (N, C).
            target: Labels (N,), or soft labels (N, C) with rows that sum to 1.
            masks: 1 where a class belongs to a branch, (G, C).

        Returns:
            dict: ``loss_branch`` and ``loss_fusion``, weighted scalars.
        """
        branch = log_probabilities(branch_logits, self.branch_eps)
        fusion = log_probabilities(fused_logits, self.fusion_eps)
        if target.dim() == 1:
            weights = masks[:, target].T
            wanted = target[:, None, None].expand(-1, branch.size(1), 1)
            branch_sum = (branch.gather(2, wanted).squeeze(2) * weights).sum()
            fusion_sum = fusion.gather(1, target[:, None]).sum()
        else:
            weights = target[:, None, :] * masks
            branch_sum = (branch * weights).sum()
            fusion_sum = (fusion * target).sum()
        pairs = weights.sum().to(branch_sum)
        counts = torch.stack([pairs, torch.full_like(pairs, len(target))]).detach()
        all_reduce(counts)
        branch_loss, fusion_loss = (
            -torch.stack([branch_sum, fusion_sum]) / counts * get_world_size()
        ).unbind()
        return dict(
            loss_branch=self.loss_weight * self.alpha * branch_loss,
            loss_fusion=self.loss_weight * (1 - self.alpha) * fusion_loss,
        )


def log_probabilities(logits: torch.Tensor, eps: float) -> torch.Tensor:
    """``log(softmax(logits) + eps)`` over the last dimension, at least in float32."""
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()  # in half precision 1e-7 would vanish
    if eps:
        return (logits.softmax(-1) + eps).log()
    return logits.log_softmax(-1)
