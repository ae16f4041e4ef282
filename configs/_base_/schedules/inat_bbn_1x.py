# BBN's paper's 1x schedule, no released config: 90 epochs, x 0.1 after 60 and 80; alpha as
# if there were 100 epochs. 128 uniform images a step.
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4, nesterov=True)
)
param_scheduler = dict(
    type='MultiStepLR', milestones=[60, 80], gamma=0.1, by_epoch=True
)
train_cfg = dict(by_epoch=True, max_epochs=90, val_interval=5)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(base_batch_size=128)
