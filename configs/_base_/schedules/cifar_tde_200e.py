# De-confound-TDE's CIFAR recipe for 256 images a step: BBN's course of the learning rate
# from 0.2, with ResLT's weight decay.
_base_ = './cifar_bbn_200e.py'

optim_wrapper = dict(optimizer=dict(lr=0.2, weight_decay=5e-4, nesterov=False))
auto_scale_lr = dict(base_batch_size=256)
