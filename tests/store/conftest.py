"""What the tests of the store borrow from those of the core: doing something as another Linux user."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
