# OLTR's second stage: 60 epochs, features and centroids at a tenth of the classifier's
# learning rate, a tenth of it after 20 and 40 epochs.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'neck': dict(lr_mult=0.1),
            'head.memory': dict(lr_mult=0.1),
        }
    ),
)
param_scheduler = dict(type='MultiStepLR', milestones=[20, 40], gamma=0.1)
train_cfg = dict(by_epoch=True, max_epochs=60, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=128)
