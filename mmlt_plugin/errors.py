"""Exceptions whose message is all a user needs."""


class ConfigError(ValueError):
    """A wrong config value or input file, said in one sentence.

    The message names the key or the file and what would be right; ``tools/`` print
    it alone, without a traceback, and exit with code 2.

    Example:
        >>> from mmlt_plugin.errors import ConfigError
        >>> raise ConfigError('alpha=1.5 must lie in [0, 1]')
        Traceback (most recent call last):
        mmlt_plugin.errors.ConfigError: alpha=1.5 must lie in [0, 1]
    """


class TrainingError(RuntimeError):
    """A training that cannot go on, said in one sentence.

    Example:
        >>> from mmlt_plugin.errors import TrainingError
        >>> raise TrainingError('loss is not finite in epoch 3, iteration 14')
        Traceback (most recent call last):
        mmlt_plugin.errors.TrainingError: loss is not finite in epoch 3, iteration 14
    """
