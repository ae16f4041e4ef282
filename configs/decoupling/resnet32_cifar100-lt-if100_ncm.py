# NCM: the class with the nearest mean feature, from any checkpoint of CE.
_base_ = '../ce/resnet32_cifar100-lt-if100.py'

model = dict(head=dict(type='NCMHead'))
default_hooks = dict(class_means=dict(type='ClassMeansHook'))
