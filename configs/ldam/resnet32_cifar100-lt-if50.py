_base_ = '../ce/resnet32_cifar100-lt-if50_ldam-recipe.py'

model = dict(head=dict(type='CosineClsHead', loss=dict(_delete_=True, type='LDAMLoss')))
