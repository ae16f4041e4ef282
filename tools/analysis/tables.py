"""Write the results tables of all READMEs and the metafiles, from configs/ and results/.

    python tools/analysis/tables.py [--check]

A README says where its table is and which configs it has, columns of config values too:

    <!-- results: resnet32_cifar10*-lt-if*.py alpha=model.head.loss.alpha -->
    <!-- end of results -->

results/published.json has the papers' numbers, results/<method>/*.json our runs.
"""

import argparse
import itertools
import json
import re
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts import cli
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
#: At results of trainings with another recipe than their config has now.
STAR = '\\*'
MARKS = re.compile(r'(<!-- (results|methods): ?(.*?) ?-->\n).*?(<!-- end of)', re.S)


def describe(config: Path) -> dict:
    """What a config's name says: net, data, imbalance ratio (0 for none), variant."""
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


def title(config: Path) -> str:
    """Name of a config in a table."""
    said = describe(config)
    ratio = f'IF {said["ratio"]}' if said['ratio'] else ''
    parts = [said['net'], said['data'], ratio, re.sub('[_-]', ' ', said['variant'])]
    return ', '.join(filter(None, parts))


def order(config: Path) -> tuple:
    """Place of a config in a table."""
    said = describe(config)
    data = list(DATA.values()).index(said['data'])
    return data, -said['ratio'], said['variant'], said['net']


def published(config: Path) -> float | None:
    """The paper's accuracy in percent."""
    key = f'{config.parent.name}/{config.stem}'
    if key in PUBLISHED['configs']:
        return PUBLISHED['configs'][key]
    said = describe(config)
    for method in PUBLISHED['methods']:
        if (method['folder'], method['variant']) == (
            key.split('/')[0],
            said['variant'],
        ):
            for (classes, ratio), value in zip(CELLS, method['paper']):
                if (said['data'], said['ratio']) == (f'CIFAR-{classes}-LT', ratio):
                    return value
    return None


def runs_of(config: Path) -> tuple[list[dict], list[str]]:
    """Our complete runs of a config as it is.

    If there are none, those of the config as it was, and what has changed since.
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
    """Settings of a training that its config no longer has; of a test there are none."""
    if 'recipe' not in run:
        return []
    return changes(run['recipe'], recipe(cfg.to_dict()))


def spread(values: list[float]) -> str:
    """Mean, and standard deviation where there is one."""
    mean = f'{statistics.mean(values):.2f}'
    return f'{mean} ± {statistics.stdev(values):.2f}' if len(values) > 1 else mean


def lookup(cfg: Config, key: str) -> Any:
    """A value of a config by its dotted name; None where there is none."""
    value = cfg
    for part in key.split('.'):
        value = value.get(part) if hasattr(value, 'get') else None
    return value


def value_of(cfg: Config, key: str) -> str:
    """A value of a config as a table's cell."""
    value = lookup(cfg, key)
    if isinstance(value, list):
        return ' / '.join(map(str, value))
    return '' if value is None else str(value)


def results_table(folder: Path, arguments: list[str]) -> str:
    """Table of the configs of a folder that match the patterns."""
    columns = dict(a.split('=', 1) for a in arguments if '=' in a)
    patterns = [a for a in arguments if '=' not in a]
    configs = sorted({c for p in patterns for c in folder.glob(p)}, key=order)
    if not configs:
        raise ConfigError(f'{folder}/README.md: no config matches {patterns}')
    reruns = {c: PUBLISHED['reruns'].get(f'{folder.name}/{c.stem}') for c in configs}
    others = ['re-runs by others'] if any(reruns.values()) else []
    ours = ['ours', 'seeds', 'difference', 'best on test']
    head = ['config', *columns, 'paper', *others, *ours]
    lines = [head, ['---'] * len(head)]
    old: list[str] = []
    for config in configs:
        paper, (runs, changed) = published(config), runs_of(config)
        row = [f'[{title(config)}]({config.name})']
        if columns:
            cfg = Config.fromfile(config)
            row += [value_of(cfg, key) for key in columns.values()]
        row.append('-' if paper is None else f'{paper:.2f}')
        row += [reruns[config] or ''] if others else []
        if runs:
            last = [run['last']['all'] for run in runs]
            gap = '' if paper is None else f'{statistics.mean(last) - paper:+.2f}'
            best = spread([run['best']['all'] for run in runs])
            old += changed
            row += [spread(last) + STAR * bool(changed), str(len(runs)), gap, best]
        else:
            row += ['not run', '', '', '']
        lines.append(row)
    text = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    if old:
        said = '; '.join(f'`{change}`' for change in dict.fromkeys(old))
        text += f'\n{STAR} Trained before the config changed: {said}.\n'
    return text


def methods_table() -> str:
    """The main README's table: every method on CIFAR-LT, paper and ours."""
    head = ['method', *(f'C{data} IF {ratio}' for data, ratio in CELLS), 'numbers of']
    lines = [head, ['---'] * len(head)]
    for method in PUBLISHED['methods']:
        folder, variant = method['folder'], method['variant']
        row = [f'[{method["name"]}](configs/{folder}/README.md)']
        for classes, ratio in CELLS:
            name = f'resnet32_cifar{classes}-lt-if{ratio}{variant and "_" + variant}.py'
            config = ROOT / 'configs' / folder / name
            paper, (runs, changed) = published(config), runs_of(config)
            ours = spread([run['last']['all'] for run in runs]) if runs else ''
            ours += STAR * bool(changed)
            paper_text = '-' if paper is None else f'{paper:.2f}'
            row.append(f'{paper_text} / **{ours}**' if ours else paper_text)
        lines.append([*row, method['source'] or ''])
    text = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    if STAR in text:
        text += f"\n{STAR} Trained before the config changed, see the method's page.\n"
    return text


def readme(file: Path) -> str:
    """A README with its tables written anew."""

    def fill(match: re.Match) -> str:
        start, kind, arguments, end = match.groups()
        if kind == 'methods':
            return start + methods_table() + end
        return start + results_table(file.parent, arguments.split()) + end

    return MARKS.sub(fill, file.read_text())


def metafile(file: Path) -> str:
    """A metafile with its list of models written anew."""
    head, _, old = file.read_text().partition('Models:\n')
    collection = re.search(r'- Name: (.+)', head)
    known = dict(re.findall(r'Config: (\S+)\n(?:.*\n){2} +Parameters: (\d+)', old))
    lines = [head, 'Models:\n']
    for config in sorted(file.parent.glob('*.py'), key=order):
        said = describe(config)
        path = config.relative_to(ROOT).as_posix()
        lines.append(
            f'  - Name: {file.parent.name}_{config.stem}\n'
            f'    In Collection: {collection[1] if collection else ""}\n'
            f'    Config: {path}\n'
            f'    Metadata:\n'
            f'      Training Data: {said["data"]}\n'
        )
        if said['data'] != DATA['folder']:
            count = known.get(path) or parameters(config)
            lines.append(f'      Parameters: {count}\n')
        runs, _ = runs_of(config)
        if runs:
            accuracy = statistics.mean(run['last']['all'] for run in runs)
            lines.append(
                f'    Results:\n'
                f'      - Task: Image Classification\n'
                f'        Dataset: {said["data"]}\n'
                f'        Metrics:\n'
                f'          Top 1 Accuracy: {accuracy:.2f}\n'
            )
    return ''.join(lines)


def parameters(config: Path) -> int:
    """Number of parameters of a config's model."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    return sum(p.numel() for p in MODELS.build(cfg.model).parameters())


def main() -> None:
    """Write, or check that nothing has to be written."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='only say what is old')
    check = parser.parse_args().check
    texts = {file: readme(file) for file in ROOT.glob('configs/*/README.md')}
    texts[ROOT / 'README.md'] = readme(ROOT / 'README.md')
    texts |= {file: metafile(file) for file in ROOT.glob('configs/*/metafile.yml')}
    old = [file for file, text in texts.items() if file.read_text() != text]
    if check and old:
        names = ', '.join(file.relative_to(ROOT).as_posix() for file in old)
        raise ConfigError(f'old tables in {names}: run python tools/analysis/tables.py')
    for file in old:
        file.write_text(texts[file])
        print(f'wrote {file.relative_to(ROOT)}')


if __name__ == '__main__':
    cli.run(main)
