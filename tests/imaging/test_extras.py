"""Without a package of the extra, one line says what to install."""

import pytest

from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging import extras
from ahnpl_cli.imaging.extras import has, require


def test_what_is_not_installed_says_how_to_install_it():
    assert not has("no_such_package") and has("json")
    with pytest.raises(ConfigError, match=r"no_such_package. Run: pip install no_such_package$"):
        require("no_such_package")
    require("json")


def test_a_module_is_installed_by_the_name_of_its_package(monkeypatch):
    monkeypatch.setattr(extras, "has", lambda module: False)
    with pytest.raises(ConfigError, match="pip install opencv-python-headless$"):
        require("cv2")
