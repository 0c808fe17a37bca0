"""Without a package of the extra, one line says what to install."""

import pytest

from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.extras import has, require


def test_what_is_not_installed_says_how_to_install_it():
    assert not has("no_such_package") and has("json")
    with pytest.raises(ConfigError, match=r"no_such_package. Run: pip install 'ahnpl\[images\]'"):
        require("no_such_package")
    require("json")
