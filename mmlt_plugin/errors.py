"""Exceptions whose message tells users all they need."""


class ConfigError(ValueError):
    """A wrong config value or input file, described in one sentence.

    The message names the key or the file and what would be right. The scripts in
    ``tools/`` print only the message, without a traceback, and exit with code 2.

    Example:
        >>> from mmlt_plugin.errors import ConfigError
        >>> raise ConfigError('alpha=1.5 must lie in [0, 1]')
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: alpha=1.5 must lie in [0, 1]
    """


class TrainingError(RuntimeError):
    """A training that cannot continue, described in one sentence.

    Example:
        >>> from mmlt_plugin.errors import TrainingError
        >>> raise TrainingError('loss is not finite in epoch 3, iteration 14')
        Traceback (most recent call last):
        mmlt_plugin.errors.TrainingError: loss is not finite in epoch 3, iteration 14
    """


def lacks_counts(owner: str, otherwise: str = 'call set_class_counts') -> ConfigError:
    """The error for a component that has not been given the class counts.

    Args:
        owner: The component.
        otherwise: An alternative remedy.

    Returns:
        ConfigError: To be raised.

    Example:
        >>> from mmlt_plugin.errors import lacks_counts
        >>> raise lacks_counts('ResLTHead')
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: ResLTHead needs the training images per class: add default_hooks = dict(class_counts=dict(type='ClassCountsHook')) to the config, or call set_class_counts
    """
    return ConfigError(
        f'{owner} needs the training images per class: add default_hooks = dict('
        f"class_counts=dict(type='ClassCountsHook')) to the config, or {otherwise}"
    )
