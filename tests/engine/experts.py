"""Experts of the digits and their student, for tests of real trainings."""

THRESHOLDS = dict(many=60, few=10)


def expert_settings(split):
    return {
        'model.head.type': 'ShotSplitHead',
        'model.head.split': split,
        'model.head.many': 60,
        'model.head.few': 10,
        'train_dataloader.drop_last': False,
        'train_dataloader.sampler': dict(
            _delete_=True, type='ShotSplitSampler', split=split, **THRESHOLDS
        ),
    }


def student_settings(checkpoints, **settings):
    return {
        'model.type': 'LFMEClassifier',
        'train_dataloader.sampler': dict(
            _delete_=True, type='ClassBalancedSampler', images_per_class=4
        ),
        'default_hooks.experts': dict(
            type='SelfPacedExpertsHook', checkpoints=checkpoints, **settings
        ),
    }
