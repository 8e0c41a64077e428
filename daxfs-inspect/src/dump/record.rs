// SPDX-License-Identifier: MIT OR Apache-2.0
//! A record of the dump: a line of text, or an object of JSON.

use std::fmt::Display;
use std::io::{self, Write};

use daxfs_cli::json::{self, Bytes};
use daxfs_image::escape;
use daxfs_image::format::text::Hex;

use crate::console::Form;

/// A record under construction.
#[derive(Debug)]
pub struct Record {
    form: Form,
    line: String,
}

impl Record {
    /// A record without fields: `name key=value key=value` in text,
    /// `{"schema":1,"record":"dump","structure":"name","key":value,"key":value}` in JSON.
    #[must_use]
    pub fn new(form: Form, name: &str) -> Self {
        let line = match form {
            Form::Text => name.to_owned(),
            Form::Json => format!(
                "{{\"schema\":{},\"record\":\"dump\",\"structure\":\"{name}\"",
                json::SCHEMA
            ),
        };
        Self { form, line }
    }

    /// Adds `text` in the text form, `json` in the other one.
    fn push(mut self, key: &str, text: impl Display, json: impl Display) -> Self {
        let field = match self.form {
            Form::Text => format!(" {key}={text}"),
            Form::Json => format!(",\"{key}\":{json}"),
        };
        self.line.push_str(&field);
        self
    }

    /// Adds a decimal number.
    #[must_use]
    pub fn number(self, key: &str, value: impl Into<i128>) -> Self {
        let value = value.into();
        self.push(key, value, value)
    }

    /// Adds a decimal number if it is not 0, as reserved fields are.
    #[must_use]
    pub fn nonzero(self, key: &str, value: impl Into<i128>) -> Self {
        match value.into() {
            0 => self,
            value => self.number(key, value),
        }
    }

    /// Adds a word: letters, digits and punctuation without quotes.
    #[must_use]
    pub fn word(self, key: &str, value: impl Display) -> Self {
        let json = format!("\"{value}\"");
        self.push(key, value, json)
    }

    /// Adds bytes as text.
    #[must_use]
    pub fn bytes(self, key: &str, value: &[u8]) -> Self {
        let json = json::text(&Bytes(value));
        self.push(key, escape::quoted(value), json)
    }

    /// Adds bytes in hexadecimal.
    #[must_use]
    pub fn hex(self, key: &str, value: &[u8]) -> Self {
        self.word(key, Hex(value))
    }

    /// Adds bytes in hexadecimal unless all are zero, as reserved fields are.
    #[must_use]
    pub fn nonzero_bytes(self, key: &str, value: &[u8]) -> Self {
        if value.iter().all(|&byte| byte == 0) {
            return self;
        }
        self.hex(key, value)
    }

    /// Writes the record.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.line.push_str(match self.form {
            Form::Text => "\n",
            Form::Json => "}\n",
        });
        out.write_all(self.line.as_bytes())
    }
}

/// The version of the text form. It changes whenever the dump of an image changes.
pub const VERSION: u32 = 1;

/// The output of records.
pub struct Dump<'a> {
    form: Form,
    records: u64,
    out: &'a mut dyn Write,
}

impl<'a> Dump<'a> {
    /// A dump without records.
    pub fn new(form: Form, out: &'a mut dyn Write) -> Self {
        Self {
            form,
            records: 0,
            out,
        }
    }

    /// A record of this dump's form.
    #[must_use]
    pub fn record(&self, name: &str) -> Record {
        Record::new(self.form, name)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, record: Record) -> io::Result<()> {
        self.records += 1;
        record.write(self.out)
    }

    /// Writes the last record, which counts the others.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self) -> io::Result<()> {
        let end = self.record("end").number("records", self.records);
        self.write(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(form: Form) -> String {
        let mut out = Vec::new();
        let record = Record::new(form, "entry")
            .number("index", -1_i64)
            .nonzero("reserved", 0);
        let record = record.bytes("name", b"a\"\xff").word("hash", "0x1");
        record
            .nonzero_bytes("rest", &[0, 1])
            .write(&mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_forms_have_the_same_fields() {
        let text = "entry index=-1 name=\"a\\x22\\xff\" hash=0x1 rest=0001\n";
        assert_eq!(written(Form::Text), text);
        let json = concat!(
            r#"{"schema":1,"record":"dump","structure":"entry","index":-1,"#,
            r#""name":{"hex":"6122ff"},"hash":"0x1","rest":"0001"}"#
        );
        assert_eq!(written(Form::Json), format!("{json}\n"));
    }
}
