// SPDX-License-Identifier: MIT OR Apache-2.0
//! Completions for bash, fish and zsh.
//!
//! The values of options and arguments are completed by the names that help texts give them.
//! `clap_complete` writes the scripts of fish and zsh. Its script of bash offers the names of
//! arguments as words, so that one is written here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;

/// Returns the command with a hint for each value.
pub(crate) fn hinted(command: Command) -> Command {
    let command = command.mut_args(|argument| {
        if !argument.get_action().takes_values() {
            return argument;
        }
        let hint = hint(&argument);
        argument.value_hint(hint)
    });
    command.mut_subcommands(hinted)
}

/// Returns the kind of value that an argument takes.
fn hint(argument: &Arg) -> ValueHint {
    let names = argument.get_value_names().unwrap_or_default();
    let name = names.first().map_or("", |name| name.as_str());
    match name {
        "DIR" | "DIRECTORY" => ValueHint::DirPath,
        "IMAGE" | "FILE" | "A" | "B" => ValueHint::FilePath,
        name if name.contains("SOURCE") => ValueHint::AnyPath,
        _ => ValueHint::Other,
    }
}

/// Writes the completions of a tool, also under another name.
pub(crate) fn write(tool: &Command, alias: Option<&str>, root: &Path) -> Result<()> {
    let name = tool.get_name();
    let tool = hinted(tool.clone());
    let alias_words = alias.map(|alias| format!(" {alias}")).unwrap_or_default();
    let bash = root.join("usr/share/bash-completion/completions");
    let script = bash_script(&tool, &alias_words);
    save(&bash.join(name), &script)?;
    if let Some(alias) = alias {
        save(&bash.join(alias), &script)?;
    }
    let zsh = generated(&tool, Shell::Zsh).replacen(
        &format!("#compdef {name}"),
        &format!("#compdef {name}{alias_words}"),
        1,
    );
    save(
        &root.join(format!("usr/share/zsh/vendor-completions/_{name}")),
        &zsh,
    )?;
    let fish = root.join("usr/share/fish/vendor_completions.d");
    save(
        &fish.join(format!("{name}.fish")),
        &generated(&tool, Shell::Fish),
    )?;
    match alias {
        Some(alias) => save(
            &fish.join(format!("{alias}.fish")),
            &format!("complete -c {alias} -w {name}\n"),
        ),
        None => Ok(()),
    }
}

fn generated(tool: &Command, shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tool.clone(), tool.get_name(), &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

fn save(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the script for bash.
fn bash_script(tool: &Command, alias: &str) -> String {
    let mut tool = tool.clone().disable_help_subcommand(true);
    tool.build();
    let name = tool.get_name();
    let function = format!("_{}", name.replace('-', "_"));
    let mut cases = String::new();
    for command in tool.get_subcommands() {
        cases += &format!(
            "        {})\n{}            ;;\n",
            command.get_name(),
            answers(command)
        );
    }
    cases += &format!("        *)\n{}            ;;\n", answers(&tool));
    let chooses = tool.has_subcommands();
    let first = if chooses { "2" } else { "1" };
    let command = if chooses { "${words[1]-}" } else { "" };
    TEMPLATE
        .replace("@FUNCTION@", &function)
        .replace("@COMMAND@", command)
        .replace("@FIRST@", first)
        .replace("@CASES@", &cases)
        .replace("@NAMES@", &format!("{name}{alias}"))
}

/// Words are joined at `=`, which bash makes a word of its own.
const TEMPLATE: &str = r#"@FUNCTION@() {
    local IFS=$'\n' cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
    local words=("${COMP_WORDS[@]}") options="" valued="" choices="" kind="" position=0 index
    if [[ $cur == = ]]; then
        cur=""
    elif [[ $prev == = ]]; then
        prev="${COMP_WORDS[COMP_CWORD-2]}"
    fi
    COMPREPLY=()
    case "@COMMAND@" in
@CASES@    esac
    for ((index = @FIRST@; index < COMP_CWORD; index++)); do
        [[ ${words[index]} == -* || ${words[index]} == = ]] && continue
        [[ ${words[index-1]} == = || $valued == *" ${words[index-1]} "* ]] && continue
        position=$((position + 1))
    done
    if [[ -z $kind && $cur == -* ]]; then
        kind=words
        choices=$options
    elif [[ -z $kind ]]; then
        kind="${positions[position < ${#positions[@]} ? position : ${#positions[@]} - 1]-}"
    fi
    case $kind in
        directory)
            compopt -o filenames
            COMPREPLY=($(compgen -d -- "$cur"))
            ;;
        file)
            compopt -o filenames
            COMPREPLY=($(compgen -f -- "$cur"))
            ;;
        words)
            COMPREPLY=($(compgen -W "${choices// /$'\n'}" -- "$cur"))
            ;;
    esac
}
complete -F @FUNCTION@ @NAMES@
"#;

/// Returns the lines that set the answers for a command: its options, the kind of value of the
/// option before the cursor, and the kinds of its arguments.
fn answers(command: &Command) -> String {
    let pad = "            ";
    let shown = |argument: &&Arg| !argument.is_hide_set();
    let mut options = Vec::new();
    let mut valued = String::from(" ");
    let mut cases = String::new();
    for argument in command
        .get_opts()
        .filter(shown)
        .chain(command.get_arguments().filter(|argument| {
            !argument.is_positional()
                && !argument.get_action().takes_values()
                && !argument.is_hide_set()
        }))
    {
        let names = names(argument);
        if argument.get_action().takes_values() {
            valued += &format!("{} ", names.join(" "));
            cases += &format!("{pad}    {}) {} ;;\n", names.join(" | "), kind_of(argument));
        }
        options.extend(names);
    }
    let subcommands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let mut positions: Vec<&str> = command
        .get_positionals()
        .map(|argument| kind_name(argument.get_value_hint()))
        .collect();
    let mut text = format!(
        "{pad}options=\"{}\"\n{pad}valued=\"{valued}\"\n",
        options.join(" ")
    );
    if !subcommands.is_empty() {
        positions = vec!["words"];
        text += &format!("{pad}choices=\"{}\"\n", subcommands.join(" "));
    }
    text += &format!("{pad}local positions=({})\n", positions.join(" "));
    if !cases.is_empty() {
        text += &format!("{pad}case $prev in\n{cases}{pad}esac\n");
    }
    text
}

fn names(argument: &Arg) -> Vec<String> {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    short.into_iter().chain(long).collect()
}

/// Returns the assignments for a value of an option.
fn kind_of(argument: &Arg) -> String {
    let values = argument.get_possible_values();
    if values.is_empty() {
        return format!("kind={}", kind_name(argument.get_value_hint()));
    }
    let values: Vec<&str> = values
        .iter()
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    format!("kind=words choices=\"{}\"", values.join(" "))
}

fn kind_name(hint: ValueHint) -> &'static str {
    match hint {
        ValueHint::DirPath => "directory",
        ValueHint::FilePath | ValueHint::AnyPath => "file",
        _ => "nothing",
    }
}
