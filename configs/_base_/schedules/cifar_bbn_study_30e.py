# The second stages of BBN's study, whose length was never published, with BBN's weight decay.
_base_ = './cifar_stage2_30e.py'

optim_wrapper = dict(optimizer=dict(weight_decay=2e-4))
