"""The pages for users and the configs in them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PAGES = [ROOT / 'README.md', *ROOT.glob('docs/*.md'), *ROOT.glob('configs/*/README.md')]
TEXTS = {page: page.read_text() for page in PAGES}
CONFIGS = dict(
    re.findall(r'```python\n# (my_\w+\.py)\n(.*?)```', ''.join(TEXTS.values()), re.S)
)
