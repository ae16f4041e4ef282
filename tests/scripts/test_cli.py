"""Arguments and configs of the scripts."""

import pytest
from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts import cli


@pytest.mark.parametrize(
    ('config', 'work_dir'),
    [
        ('configs/reslt/a.py', 'work_dirs/reslt/a'),
        ('/x/configs/b/configs/bbn/a.py', 'work_dirs/bbn/a'),
        ('configs/a.py', 'work_dirs/a'),
        ('my_vit.py', 'work_dirs/my_vit'),
        ('../elsewhere/my_vit.py', 'work_dirs/my_vit'),
    ],
)
def test_default_work_dir(config, work_dir):
    assert cli.default_work_dir(config) == work_dir


def test_keys_that_scripts_read_are_known():
    cfg = Config(dict(test_pipeline=[], model=dict()))
    cli.check_keys(['tta_pipeline', 'tta_model.type', 'model.hed', 'my_number'], cfg)
    with pytest.raises(ConfigError, match="'modle' is no key of the config"):
        cli.check_keys(['modle.head'], cfg)
