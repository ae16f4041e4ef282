"""Facts about a config: its description, the paper's number and our runs."""

import itertools
import json
import re
import statistics
from pathlib import Path

from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.settings import changes, recipe

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = json.loads((ROOT / 'results/published.json').read_text())
NETS = dict(resnet='ResNet-', resnext='ResNeXt-')
DATA = {
    'cifar10-lt': 'CIFAR-10-LT',
    'cifar100-lt': 'CIFAR-100-LT',
    'imagenet-lt': 'ImageNet-LT',
    'places-lt': 'Places-LT',
    'inat2017': 'iNaturalist 2017',
    'inat2018': 'iNaturalist 2018',
    'digits-lt': 'Digits-LT',
    'folder': 'your own folder',
}
CELLS = [(data, ratio) for data in (10, 100) for ratio in (100, 50, 10)]


def describe(config: Path) -> dict:
    """Network, data, imbalance ratio (0 for none) and variant, from a config's name."""
    name, _, variant = config.stem.partition('_')[2].partition('_')
    data, _, ratio = name.partition('-if')
    net = re.match(r'([a-z]+)(\d+)', config.stem)
    if data not in DATA or net is None:
        raise ConfigError(
            f'{config.name} is no <backbone>_<dataset>[-if<ratio>][_<variant>].py with a '
            f'dataset of {tuple(DATA)}'
        )
    return dict(
        net=NETS[net[1]] + net[2],
        data=DATA[data],
        ratio=int(ratio or 0),
        variant=variant,
    )


def setting(config: Path) -> str:
    """Data set and imbalance ratio of a config."""
    said = describe(config)
    return said['data'] + bool(said['ratio']) * f', IF {said["ratio"]}'


def title(config: Path) -> str:
    """Name of a config in a table of its method."""
    said = describe(config)
    parts = [said['net'], setting(config), re.sub('[_-]', ' ', said['variant'])]
    return ', '.join(filter(None, parts))


def order(config: Path) -> tuple:
    """Sort key of a config in a table."""
    said = describe(config)
    data = list(DATA.values()).index(said['data'])
    return data, -said['ratio'], said['variant'], said['net']


def method_of(config: Path) -> dict | None:
    """The entry of a config's method in results/published.json, if there is one."""
    key = (config.parent.name, describe(config)['variant'])
    for method in PUBLISHED['methods']:
        if (method['folder'], method['variant']) == key:
            return method
    return None


def method_name(config: Path) -> str:
    """Name of a config's method, as in the main README."""
    method = method_of(config)
    if method is None:
        return f'{config.parent.name}, {describe(config)["variant"]}'
    return method['name']


def published(config: Path) -> float | None:
    """The paper's accuracy in percent."""
    key = f'{config.parent.name}/{config.stem}'
    if key in PUBLISHED['configs']:
        return PUBLISHED['configs'][key]
    method, said = method_of(config), describe(config)
    if method is not None:
        for (classes, ratio), value in zip(CELLS, method['paper']):
            if (said['data'], said['ratio']) == (f'CIFAR-{classes}-LT', ratio):
                return value
    return None


def runs_of(config: Path) -> tuple[list[dict], list[str]]:
    """Our complete runs of a config in its present form.

    If there are none, those of an earlier form, and the changes since then.
    """
    files = sorted((ROOT / 'results' / config.parent.name).glob('*.json'))
    runs = [json.loads(file.read_text()) for file in files]
    name = config.relative_to(ROOT).as_posix()
    runs = [
        run
        for run in runs
        if run['config'] == name and run['complete'] and not run['other_settings']
    ]
    if not runs:
        return [], []
    cfg = Config.fromfile(config)
    changed = [differences(run, cfg) for run in runs]
    if [] in changed:
        return [run for run, change in zip(runs, changed) if not change], []
    return runs, list(dict.fromkeys(itertools.chain(*changed)))


def differences(run: dict, cfg: Config) -> list[str]:
    """Settings of a training that its config no longer has; none for a test."""
    if 'recipe' not in run:
        return []
    now = recipe(cfg.to_dict())
    # Without it, a step had as many images as the learning rate is for.
    own = 'train_dataloader.batch_size'
    return changes(
        run['recipe'], {k: now[k] for k in now if k in run['recipe'] or k != own}
    )


def spread(values: list[float]) -> str:
    """Mean, and standard deviation if there are several values."""
    mean = f'{statistics.mean(values):.2f}'
    return f'{mean} ± {statistics.stdev(values):.2f}' if len(values) > 1 else mean
