//! Options that are written out: what can be said about them before the run.

use insta::assert_snapshot;

use super::super::testing::site;

#[test]
fn values_that_are_not_supported_are_found_before_the_run() {
    let files = site(
        "- hosts: all
  tasks:
    - copy: { src: a, dest: /a, local_follow: no, owner: 'a:b', validate: 'true' }
    - copy: { src: a, dest: /a, local_follow: yes, validate: 'test -s %s' }
    - template: { src: a.j2, dest: /a, output_encoding: latin-1 }
    - template: { src: a.j2, dest: /a, output_encoding: UTF-8 }
    - stat: { path: /a, mime: yes, get_attributes: yes }
    - stat: { path: /a, get_mime: no, get_attributes: \"{{ want }}\" }
    - file: { path: /a, mode: preserve }
    - script: { cmd: a, chdir: b }
    - wait_for: { port: 70000, timeout: -1, search_regex: '(' }
",
    );
    assert_snapshot!(files.messages(), @r#"
    site.yml:3:47: error: option `local_follow` of `copy`: `false` is not supported | copy the files, then make the links with `file`
    site.yml:3:58: error: option `owner` of `copy`: `a:b` cannot be the name of a user or a group
    site.yml:3:75: error: option `validate` of `copy`: validate must contain %s: true | `%s` stands for the path of the new file
    site.yml:4:20: error: could not find `a`; searched `files/a`, `a`
    site.yml:5:57: error: option `output_encoding` of `template`: `latin-1` is not supported | leave it out for `utf-8`
    site.yml:6:24: error: could not find `a.j2`; searched `templates/a.j2`, `a.j2`
    site.yml:7:31: error: option `mime` of `stat`: `true` is not supported | leave it out, or run `file` with `command`
    site.yml:7:52: error: option `get_attributes` of `stat`: `true` is not supported | leave it out, or run `lsattr` with `command`
    site.yml:9:31: error: option `mode` of `file`: `preserve` is a mode for `copy` and `template` only
    site.yml:10:32: error: option `chdir`: `b` is not an absolute path
    site.yml:11:25: error: option `port` of `wait_for`: 70000 is not the number of a TCP port
    site.yml:11:41: error: option `timeout` of `wait_for`: -1 is negative
    site.yml:11:59: error: option `search_regex` of `wait_for`: Parsing error at position 5: Opening parenthesis without closing parenthesis
    "#);
}

#[test]
fn a_decimal_mode_is_hinted_in_octal() {
    let files = site(
        "- hosts: all
  tasks:
    - file: { path: /a, mode: 644 }
    - file: { path: /a, mode: 384 }
    - file: { path: /a, mode: 493 }
",
    );
    assert_snapshot!(files.messages(), @r#"
    site.yml:3:31: warning: mode 644 is a decimal number, 1204 in octal | write `"0644"`
    site.yml:4:31: warning: mode 384 is a decimal number, 0600 in octal | write `"0600"`
    site.yml:5:31: warning: mode 493 is a decimal number, 0755 in octal | write `"0755"`
    "#);
}

#[test]
fn an_open_quote_is_all_that_is_said_about_its_task() {
    let files = site(
        "- hosts: all
  tasks:
    - shell: echo 'open
    - copy: src=a dest='/a
    - command: { chdir: /x }
",
    );
    assert_snapshot!(files.messages(), @"
    site.yml:3:14: error: the text has a quote that is not closed | close it, or write the options as a mapping (commands: `cmd: |`)
    site.yml:4:13: error: the text has a quote that is not closed | close it, or write the options as a mapping (commands: `cmd: |`)
    site.yml:5:7: error: `command` has nothing to run | give it a command line, `cmd` or `argv`
    ");
}
