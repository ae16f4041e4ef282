# BBN's CIFAR recipe: 200 epochs, warm-up over 5, x 0.01 after 120 and 160. So counts
# PyTorch 1.0.1, the authors' version; with later ones their code is an epoch ahead.
_base_ = './cifar_200e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=2e-4))
param_scheduler = [
    # 0.0333, 0.0467, 0.06, 0.0733, 0.0867, and 0.1 from the sixth epoch on.
    dict(type='LinearLR', start_factor=1 / 3, begin=0, end=6, by_epoch=True),
    dict(type='MultiStepLR', milestones=[120, 160], gamma=0.01, by_epoch=True),
]
