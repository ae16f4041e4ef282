"""Write the results tables of all READMEs and the metafiles, from configs/ and results/.

    python tools/analysis/tables.py [--check]

A README marks the place of each table and lists its configs, and columns for config values:

    <!-- results: resnet32_cifar10*-lt-if*.py alpha=model.head.loss.alpha -->
    <!-- end of results -->
    <!-- shots: resnet32_cifar10-lt-if100.py ../ce/resnet32_cifar10-lt-if100*.py -->
    <!-- end of shots -->

The second kind has the many-, medium- and few-shot accuracy of the configs that were run.
results/published.json has the papers' numbers, results/<method>/*.json has our runs.
"""

import os
import re
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from config_results import (
    CELLS,
    DATA,
    PUBLISHED,
    ROOT,
    describe,
    method_name,
    order,
    published,
    runs_of,
    setting,
    spread,
    title,
)
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import make_parser, run_script

#: Marks results of trainings whose config has changed since.
STAR = '\\*'
SHOTS = ('all', 'many', 'medium', 'few')
MARKS = re.compile(
    r'(<!-- (results|shots|methods): ?(.*?) ?-->\n).*?(<!-- end of)', re.S
)


def lookup(cfg: Config, key: str) -> Any:
    """A value of a config by its dotted name, or None."""
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


def markdown(lines: list[list[str]]) -> str:
    """A table of cells."""
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


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
    text = markdown(lines)
    if old:
        said = '; '.join(f'`{change}`' for change in dict.fromkeys(old))
        text += f'\n{STAR} Trained before the config changed: {said}.\n'
    return text


def shots_table(folder: Path, patterns: list[str]) -> str:
    """Accuracy on all, many-, medium- and few-shot classes of the configs that were run."""
    found = [os.path.normpath(c) for p in patterns for c in sorted(folder.glob(p))]
    known = [(config, *runs_of(config)) for config in map(Path, dict.fromkeys(found))]
    known = [(config, runs, changed) for config, runs, changed in known if runs]
    several = len({setting(config) for config, *_ in known}) > 1
    lines = [['method', *SHOTS, 'seeds'], ['---'] * (2 + len(SHOTS))]
    for config, runs, changed in known:
        name = method_name(config) + several * f', {setting(config)}'
        row = [f'[{name}]({os.path.relpath(config, folder)})']
        for split in SHOTS:  # CIFAR-10-LT has no few-shot classes
            values = [run['last'][split] for run in runs if split in run['last']]
            row.append(spread(values) + STAR * bool(changed) if values else '')
        lines.append([*row, str(len(runs))])
    return markdown(lines)


def methods_table() -> str:
    """The main README's table: every method on CIFAR-LT, the papers' numbers and ours."""
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
    text = markdown(lines)
    if STAR in text:
        text += f"\n{STAR} Trained before the config changed, see the method's page.\n"
    return text


def readme(file: Path) -> str:
    """A README with its tables updated."""

    def fill(match: re.Match) -> str:
        start, kind, arguments, end = match.groups()
        if kind == 'methods':
            return start + methods_table() + end
        table = shots_table if kind == 'shots' else results_table
        return start + table(file.parent, arguments.split()) + end

    return MARKS.sub(fill, file.read_text())


def metafile(file: Path) -> str:
    """A metafile with its list of models updated."""
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
    init_default_scope(cfg.get('default_scope', 'mmpretrain'))
    return sum(p.numel() for p in MODELS.build(cfg.model).parameters())


def main() -> None:
    """Update all files, or check that they are up to date."""
    parser = make_parser(__doc__)
    parser.add_argument('--check', action='store_true', help='only list outdated files')
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
    run_script(main)
