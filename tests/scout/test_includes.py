"""What a line takes in, as the manual of the program that reads it says."""

from __future__ import annotations

import pytest

from scout.formats.startup.includes import MOST_LINES, Included, can_include, includes, matching

HOMES = ["/root", "/home/ada"]
ADA = "/home/ada/.x/rc"
CASES = [
    # language, file that the host reads, file with the line, line, what it takes in
    ("sshd", "/etc/ssh/sshd_config", "", "Include /etc/a/*.conf b.conf", ["/etc/a/*.conf", "/etc/ssh/b.conf"]),
    ("sshd", "/etc/ssh/sshd_config", "/srv/x", 'include="with blank" # no', ["/etc/ssh/with blank", "/etc/ssh/#", "/etc/ssh/no"]),
    ("sshd", "/etc/ssh/sshd_config", "", "#Include /x", []),
    (
        "sshd",
        "/etc/ssh/sshd_config",
        "",
        "AuthorizedKeysFile .k %h/.l /k/%u/%%",
        ["/root/.k", "/home/ada/.k", "/root/.l", "/home/ada/.l", "/k/*/%"],
    ),
    ("sshd", "/etc/ssh/sshd_config", "", "AuthorizedKeysFile %h/.l", ["/root/.l", "/home/ada/.l"]),
    ("ssh", "/home/ada/.ssh/config", "", "Include more ~/c", ["/home/ada/.ssh/more", "/root/c", "/home/ada/c"]),
    ("sudoers", "/etc/sudoers", "", "@includedir sudo.x", ["/etc/sudo.x"]),
    ("sudoers", "/etc/sudoers", "/srv/s", "#include ./t\\ u", ["/srv/t u"]),
    ("sudoers", "/etc/sudoers", "", "# include /x", []),
    ("sudoers", "/etc/sudoers", "", "@include /etc/sudoers.%h", ["/etc/sudoers.*"]),
    ("pam", "/etc/pam.d/su", "", "@include ../../srv/x", ["/srv/x"]),
    ("pam", "/etc/pam.d/su", "/srv/x", "-auth substack y", ["/etc/pam.d/y"]),
    ("pam", "/etc/pam.d/su", "", "auth required pam_unix.so", []),
    ("shell", "/etc/profile", "", "[ -r /srv/a ] && . /srv/a; source '/srv/b c'", ["/srv/a"]),
    ("shell", "/etc/profile", "", "source '/srv/b c'", ["/srv/b c"]),
    ("shell", "/etc/profile", "", "then . $HOME/.x", ["/root/.x", "/home/ada/.x"]),
    ("shell", "/etc/profile", "", '. "$DIR/x"', []),
    ("shell", "/etc/profile", "", "./x; resource /y; echo . /z", []),
    ("gitconfig", "/root/.gitconfig", "", '\tpath = "~/a b"', ["/root/a b", "/home/ada/a b"]),
    ("gitconfig", "/root/.gitconfig", "/srv/i", "path=j", ["/srv/j"]),
    ("loader", "/etc/ld.so.conf", "", "include ld.so.conf.d/*.conf", ["/etc/ld.so.conf.d/*.conf"]),
    ("logrotate", "/etc/logrotate.conf", "", "include /srv/l", ["/srv/l"]),
    ("syslog", "/etc/rsyslog.conf", "", "$IncludeConfig /srv/*.conf", ["/srv/*.conf"]),
    ("syslog", "/etc/rsyslog.conf", "", 'include(file="/srv/x" mode="optional")', ["/srv/x"]),
    ("syslog", "/etc/syslog-ng/syslog-ng.conf", "", '@include "d/*.conf"', ["/etc/syslog-ng/d/*.conf"]),
    ("editor", ADA, "", "source-file -q ~/t /srv/u", ["/root/t", "/home/ada/t", "/srv/u"]),
    ("editor", ADA, "", "so! v.vim", ["/home/ada/.x/v.vim"]),
    ("apt", "/etc/apt/apt.conf", "", '#include "/srv/apt";', ["/srv/apt"]),
    ("apache", "/etc/apache2/apache2.conf", "", "IncludeOptional mods/*.load", ["/etc/apache2/mods/*.load"]),
    ("apache", "/etc/nginx/nginx.conf", "/etc/nginx/s/x", "include p.conf;", ["/etc/nginx/p.conf"]),
    ("keyvalue", "/etc/my.cnf", "", "!includedir /srv/my", ["/srv/my"]),
    ("keyvalue", "/etc/postgresql.conf", "", "include_if_exists = 'x.conf'", ["/etc/x.conf"]),
    ("windowmanager", "/home/ada/.config/sway/config", "", "include /srv/w/*", ["/srv/w/*"]),
    ("udev", "/etc/udev/rules.d/x", "", "include /x", []),
]


@pytest.mark.parametrize(("language", "first", "path", "line", "expected"), CASES)
def test_a_line_takes_in_what_the_manual_says(language, first, path, line, expected):
    found = [one.path for one in includes(language, f"x y\n{line}\r\n".encode(), path or first, first, HOMES)]
    assert list(dict.fromkeys(found)) == expected
    assert can_include(language) is (language != "udev")


def test_names_that_are_no_utf8_and_a_file_that_is_no_text_are_read():
    assert [one.path for one in includes("sshd", b"\xff\x00\xfe\nInclude /srv/\xe9\n", "/c", "/c", ())] == ["/srv/\udce9"]
    assert len(list(includes("sshd", b"Include /x\n" * 10_000, "/c", "/c", ()))) == MOST_LINES


TREE = {"/": ["srv"], "/srv": ["a", "b"], "/srv/a": ["1.conf", ".2.conf", "x~", "README"], "/srv/b": ["1.conf"]}


def found(included: Included) -> list[str]:
    return list(matching(included, lambda folder: TREE.get(folder, ()), lambda path: path in TREE))


def test_patterns_and_folders_are_those_of_the_host():
    (sudoers,) = includes("sudoers", b"@includedir /srv/a", "/etc/sudoers", "/etc/sudoers", ())
    (sshd,) = includes("sshd", b"Include /srv/*/*.conf", "/c", "/c", ())
    (folder,) = includes("sshd", b"Include /srv/a", "/c", "/c", ())
    assert found(sudoers) == ["/srv/a/README"]
    assert found(sshd) == ["/srv/a/1.conf", "/srv/b/1.conf"]
    assert found(folder) == ["/srv/a"]
