# Second stages on CIFAR-LT: 30 epochs, cosine, only what learns in the optimizer. Kang et
# al. train 10 epochs on ImageNet-LT; nobody published a recipe for CIFAR-LT.
_base_ = './cifar_200e.py'

optim_wrapper = dict(constructor='TrainableOnlyConstructor')
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(max_epochs=30, val_interval=5)
