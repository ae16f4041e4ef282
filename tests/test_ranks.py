"""All ranks end together."""

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.ranks import raise_together


def outcome(rank, message):
    """What a rank raises when the main one alone found something."""
    try:
        raise_together(ConfigError(message) if message and rank == 0 else None)
    except ConfigError as error:
        return str(error)
    return None


def test_the_main_rank_speaks_for_all(gloo2):
    assert gloo2.run(outcome, 'work_dir is taken') == ['work_dir is taken'] * 2
    assert gloo2.run(outcome, None) == [None, None]
