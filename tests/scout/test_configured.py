"""Places that the host's configuration names are collected, whatever a hostile configuration says."""

from __future__ import annotations

import pytest

from fixtures.hives.writer import Image, Key
from scout.collecting import configured
from scout.collecting.configured import auditd, rsyslog, sshd, syslog_ng
from scout.sources.directory import DirectorySource
from scout.targets import load
from tests.scout.collecting import *  # noqa: F403  (fixtures)


def write(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.fixture
def source(root):
    found = DirectorySource(str(root))
    yield found
    found.close()


def test_every_reader_of_a_target_exists():
    assert {name for target in load() for name in target.configured} >= {"rsyslog", "sshd", "event_logs"}
    assert all(configured.exists(name) for target in load() for name in target.configured)


def test_rsyslog_in_both_of_its_languages(root, source):
    text = "auth,authpriv.*  -/srv/log/auth.log\n*.emerg :omusrmsg:*\n# kern.* /srv/not\nmail.err /dev/console\n"
    write(root, "etc/rsyslog.conf", text + '$template byhost,"/srv/%HOSTNAME%/all.log"\n')
    write(
        root,
        "etc/rsyslog.d/50-x.conf",
        'action(type="omfile" file="/data/kern.log")\ntemplate(name="t" type="string" string="/d/%x%.log")\n',
    )
    assert list(rsyslog.names(source)) == ["/srv/log/auth.log*", "/srv/*/all.log*", "/data/kern.log*", "/d/*.log*"]


def test_syslog_ng_auditd_and_sshd(root, source):
    write(root, "etc/syslog-ng/syslog-ng.conf", 'destination d { file("/srv/$HOST/${YEAR}.log"); };\n')
    write(root, "etc/audit/auditd.conf", "log_file = /srv/audit/audit.log\n")
    write(root, "etc/ssh/sshd_config", "Port 22\nAuthorizedKeysFile .ssh/more /etc/keys/%u %h/.k2\nTrustedUserCAKeys none\n")
    assert list(syslog_ng.names(source)) == ["/srv/*/*.log*"]
    assert list(auditd.names(source)) == ["/srv/audit/audit.log*"]
    assert list(sshd.names(source)) == ["/root/.ssh/more", "/etc/keys/*", "/root/.k2"]


def test_what_a_configuration_takes_in_is_read_too(root, source):
    write(root, "etc/ssh/sshd_config", "Include /srv/ssh/*.conf more\n")
    write(root, "srv/ssh/b.conf", "Include /srv/ssh/b.conf /srv/third\n")
    write(root, "srv/ssh/.c.conf", "AuthorizedKeysFile /hidden\n")
    write(root, "srv/third", "AuthorizedKeysFile /keys/third\n")
    write(root, "etc/ssh/more", 'Include "/etc/with blank"\n')
    write(root, "etc/with blank", "AuthorizedKeysFile /keys/blank\n")
    assert list(sshd.names(source)) == ["/keys/third", "/keys/blank"]
    write(root, "etc/rsyslog.conf", '$IncludeConfig /srv/r/*.conf\ninclude(file="/srv/r2" mode="optional")\n')
    write(root, "srv/r/a.conf", "*.* /srv/log/a\n")
    write(root, "srv/r2", "*.* /srv/log/b\n")
    assert set(rsyslog.names(source)) == {"/srv/r2*", "/srv/log/a*", "/srv/log/b*"}
    write(root, "etc/syslog-ng/syslog-ng.conf", '@include "/srv/ng/*.conf"\n')
    write(root, "srv/ng/x.conf", 'destination d { file("/srv/ng.log"); };\n')
    assert list(syslog_ng.names(source)) == ["/srv/ng.log*"]


def test_a_hostile_configuration_takes_no_secret_and_nothing_outside(root, collected):
    write(root, "etc/shadow", "root:*:1::::::\n")
    write(root, "etc/rsyslog.conf", "*.* /srv/log/all.log\n*.* /etc/shadow\n*.* /../../etc/hostname\n")
    write(root, "srv/log/all.log", "x\n")
    write(root, "srv/log/all.log.1", "y\n")
    write(root, "srv/log/other", "z\n")
    archive = collected(root, "--targets", "LF06", "--os", "linux")
    assert archive.verdict("/srv/log/all.log") == archive.verdict("/srv/log/all.log.1") == "taken"
    assert archive.verdict("/etc/shadow") == "blocked"
    assert "/srv/log/other" not in archive.custody


def test_event_logs_at_other_places_of_the_current_control_set(tmp_path, collected):
    root = tmp_path / "disk"
    top = Key("ROOT", 0)
    top.at("Select").put(Current=2)
    top.at("ControlSet001\\Services\\EventLog\\Application").put(File="C:\\Old\\Application.evtx")
    top.at("ControlSet002\\Services\\EventLog\\Security").put(File="%SystemDrive%\\Logs\\Security.evtx")
    top.at("ControlSet002\\Services\\EventLog\\System").put(File="%SystemRoot%\\System32\\winevt\\Logs\\System.evtx")
    write(root, "Windows/System32/config/x", "")
    (root / "Windows/System32/config/SYSTEM").write_bytes(Image(top, 0, "SYSTEM").hive())
    for name in ("Logs/Security.evtx", "Logs/Archive-Security-1.evtx", "Logs/decoy.evtx", "Old/Application.evtx"):
        write(root, name, "x")
    archive = collected(root, "--targets", "WE01", "--os", "windows")
    assert archive.verdict("C:\\Logs\\Security.evtx") == archive.verdict("C:\\Logs\\Archive-Security-1.evtx") == "taken"
    assert "C:\\Logs\\decoy.evtx" not in archive.custody and "C:\\Old\\Application.evtx" not in archive.custody


def test_what_sshd_names_at_the_usual_place_is_still_taken(root, collected):
    write(root, "etc/ssh/sshd_config", "AuthorizedKeysFile .ssh/authorized_keys\n")
    write(root, "root/.ssh/authorized_keys", "ssh-ed25519 AAAA x\n")
    write(root, "root/.ssh/id_ed25519", "key\n")
    write(root, "root/.ssh/id_ed25519.pub", "ssh-ed25519 AAAA x\n")
    for given in (["--targets", "LF11,LF12"], ["--path", "/root/.ssh"]):
        archive = collected(root, *given, "--os", "linux")
        assert archive.verdict("/root/.ssh/authorized_keys") == archive.verdict("/root/.ssh/id_ed25519.pub") == "taken"
        assert archive.verdict("/root/.ssh/id_ed25519") == "blocked"


def test_the_one_file_agent_has_every_reader():
    from scout.agent.build import parts
    from scout.agent.freeze import hidden_modules

    assert {f"scout.collecting.configured.{name}" for target in load() for name in target.configured} <= set(hidden_modules(parts(b"{}")))
