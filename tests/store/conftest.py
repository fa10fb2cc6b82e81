"""What the tests of the store share."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))  # for somebody, in every import mode of pytest
