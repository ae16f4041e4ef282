"""What autocast does on CUDA, for another device."""

import torch
from torch.utils._pytree import tree_flatten, tree_map_only

#: Of PyTorch's reference: what runs in the lower precision, in float32, and in the widest type of
#: its inputs.
LOWER = (
    'addbmm addmm addmv addr baddbmm bmm chain_matmul conv1d conv2d conv3d convolution '
    '_convolution conv_transpose2d.input linalg_multi_dot linear matmul mm mv prelu '
    'scaled_dot_product_attention'
)
FLOAT32 = (
    'acos asin binary_cross_entropy_with_logits cdist cosh cosine_embedding_loss '
    'cosine_similarity cross_entropy_loss cumprod cumsum dist erfinv exp expm1 group_norm '
    'hinge_embedding_loss kl_div l1_loss layer_norm linalg_vector_norm log log10 log1p log2 '
    'log_softmax.int margin_ranking_loss mse_loss multi_margin_loss nll_loss nll_loss2d '
    'nll_loss_nd norm.Scalar norm.ScalarOpt_dim pdist pow.Scalar pow.Tensor_Scalar '
    'pow.Tensor_Tensor prod prod.dim_int reciprocal rsqrt sinh smooth_l1_loss soft_margin_loss '
    'softmax.int softplus sum sum.dim_IntList tan triplet_margin_loss'
)
WIDEST = (
    'addcdiv addcmul atan2 bilinear cat cross dot grid_sampler index_put scatter_add stack '
    'tensordot vdot'
)
KEY = 'AutocastPrivateUse1'


def register_autocast(device):
    """Have PyTorch cast before operations on a device written in Python.

    Returns:
        tuple: What the casts end with.
    """
    fallback, casts = (torch.library.Library(of, 'IMPL') for of in ('_', 'aten'))
    fallback.fallback(torch.library.fallthrough_kernel, KEY)
    for names, choose in (
        (LOWER, lambda dtypes: torch.get_autocast_dtype(device)),
        (FLOAT32, lambda dtypes: torch.float32),
        (WIDEST, widest),
    ):
        for name in names.split():
            casts.impl(name, kernel(name, choose), KEY)
    return fallback, casts


def kernel(name, choose):
    """An operation after a cast to the type that is chosen from those of its inputs."""
    base, _, overload = name.partition('.')
    func = getattr(getattr(torch.ops.aten, base), overload or 'default')
    autocast = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, KEY))

    def compute(*args, **kwargs):
        floats = [t for t in tensors_in((args, kwargs)) if t.is_floating_point()]
        with torch._C._ExcludeDispatchKeyGuard(autocast):
            if floats:
                dtype = choose([t.dtype for t in floats])
                args, kwargs = tree_map_only(
                    torch.Tensor, lambda t: cast(t, dtype), (args, kwargs)
                )
            return func(*args, **kwargs)

    return compute


def cast(tensor, dtype):
    single = tensor.is_floating_point() and tensor.dtype != torch.float64
    return tensor.to(dtype) if single else tensor


def widest(dtypes):
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).bits)


def tensors_in(tree):
    return [t for t in tree_flatten(tree)[0] if isinstance(t, torch.Tensor)]
