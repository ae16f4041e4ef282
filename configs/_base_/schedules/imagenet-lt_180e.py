# ResLT's ImageNet-LT recipe for 256 images a step: 180 epochs, warm-up over 5, cosine.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, begin=0, end=5, by_epoch=True),
    # 0.5 (1 + cos(pi (e - 4) / 176)) from epoch 4 on.
    dict(type='CosineAnnealingLR', T_max=176, begin=4, end=180, by_epoch=True),
]
train_cfg = dict(by_epoch=True, max_epochs=180, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=256)
