# FSLwF's runtime: the rows of few-shot classes are generated before every evaluation.
_base_ = './default_runtime.py'

default_hooks = dict(class_means=dict(type='ClassMeansHook'))
