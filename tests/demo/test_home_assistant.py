"""The configuration folder of the demo's Home Assistant."""

import json
from pathlib import Path
import socket

import pytest

from demo.__main__ import choose_port
from demo.home_assistant import INTEGRATION, HomeAssistant, prepare
from demo.report import DemoError


def make(folder: Path, version: str, *, keep: bool = False) -> bool:
    """Prepare a folder for a Home Assistant of `version`."""
    return prepare(folder, version=version, port=8199, time_zone="Europe/Brussels", keep=keep)


def test_a_recent_home_assistant_gets_its_address_in_storage(tmp_path: Path) -> None:
    assert make(tmp_path / "config", "2026.10.4")
    stored = json.loads((tmp_path / "config/.storage/http").read_text())["data"]["stable"]
    assert (stored["server_host"], stored["server_port"]) == (["127.0.0.1"], 8199)
    assert "http:" not in (tmp_path / "config/configuration.yaml").read_text()


def test_an_old_home_assistant_gets_its_address_in_yaml(tmp_path: Path) -> None:
    assert make(tmp_path / "config", "2025.4.4")
    assert "server_port: 8199" in (tmp_path / "config/configuration.yaml").read_text()
    assert not (tmp_path / "config/.storage/http").exists()


def test_the_integration_is_there(tmp_path: Path) -> None:
    make(tmp_path / "config", "2026.10.4")
    link = tmp_path / "config/custom_components/smart_charging"
    assert link.resolve() == INTEGRATION
    assert (link / "manifest.json").is_file()


def test_data_is_dropped_unless_it_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    make(folder, "2026.10.4")
    (folder / ".storage/auth").write_text("{}")
    assert not make(folder, "2026.10.4", keep=True)
    assert (folder / ".storage/auth").exists()
    assert make(folder, "2026.10.4")
    assert not (folder / ".storage/auth").exists()


def test_an_unfinished_folder_is_made_anew_even_when_it_is_to_be_kept(tmp_path: Path) -> None:
    make(tmp_path / "config", "2026.10.4")
    assert make(tmp_path / "config", "2026.10.4", keep=True)


def test_a_taken_port_is_refused_with_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DemoError, match=f"Port {port} is taken"):
            choose_port(port)


def test_only_errors_of_the_integration_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "2026 WARNING (x) [homeassistant.loader] We found a custom integration smart_charging\n"
        "2026 ERROR (x) [homeassistant.components.camera] no turbojpeg\n"
        "2026 INFO (x) [custom_components.smart_charging.site] all is well\n"
        "2026 ERROR (x) [custom_components.smart_charging.site] broken\n"
        "2026 WARNING (x) [homeassistant.helpers.frame] Detected that custom integration x\n"
    )
    errors = HomeAssistant(tmp_path, log, 1).errors()
    assert [line.rpartition("] ")[2] for line in errors] == [
        "broken",
        "Detected that custom integration x",
    ]
