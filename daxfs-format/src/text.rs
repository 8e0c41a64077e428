// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text forms: hexadecimal digits, UUIDs, digests, and the identity of an image.

use core::fmt;
use core::str::FromStr;

/// Bytes in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The bytes of a UUID, in groups as RFC 9562 writes them.
#[derive(Clone, Copy, Debug)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// The prefix of a SHA-256 in text.
const SHA256: &str = "sha256:";

/// A SHA-256 in text: `sha256:` and 64 digits.
#[derive(Clone, Copy, Debug)]
pub struct Digest<'a>(pub &'a [u8; 32]);

impl fmt::Display for Digest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SHA256}{}", Hex(self.0))
    }
}

/// The identity of an image: the SHA-256 of its superblock.
///
/// It covers the section table, hence the digest of every metadata section, hence the digests of
/// all contents. In text it is `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity([u8; 32]);

impl Identity {
    /// The identity with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes of the SHA-256.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the text form. The digits may be of either case, the prefix may not.
    ///
    /// # Errors
    /// [`IdentityError`] for any other text.
    pub fn parse(text: &[u8]) -> Result<Self, IdentityError> {
        let digits = text.strip_prefix(SHA256.as_bytes());
        let digits = digits.ok_or(IdentityError::Prefix)?;
        if digits.len() != 64 {
            return Err(IdentityError::Digits);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = parse_byte(pair).ok_or(IdentityError::Digits)?;
        }
        Ok(Self(bytes))
    }
}

/// The value of two hexadecimal digits.
fn parse_byte(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low] = *pair else {
        return None;
    };
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(&self.0).fmt(f)
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::parse(text.as_bytes())
    }
}

/// The reason why a text is not an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// It does not begin with `sha256:`.
    Prefix,
    /// Anything but 64 hexadecimal digits follows the prefix.
    Digits,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "it must begin with sha256:",
            Self::Digits => "64 hexadecimal digits must follow sha256:",
        })
    }
}

impl core::error::Error for IdentityError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_their_usual_groups() {
        let bytes = core::array::from_fn(|index| u8::try_from(index).unwrap());
        let text = Uuid(bytes).to_string();
        assert_eq!(text, "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    #[test]
    fn identities_survive_their_text() {
        let text = format!("sha256:{}", "0f".repeat(32));
        let identity: Identity = text.parse().unwrap();
        assert_eq!(identity, Identity([15; 32]));
        assert_eq!(identity.to_string(), text);
        let upper = format!("sha256:{}", "0F".repeat(32));
        assert_eq!(upper.parse(), Ok(identity));
        let digits = [62, 63, 65, 66].map(|count| format!("sha256:{}", "0".repeat(count)));
        let other = [
            "0".repeat(64),
            format!("sha256:{}", "+1".repeat(32)),
            format!("sha256:{}", "é".repeat(32)),
            format!("SHA256:{}", "0".repeat(64)),
        ];
        for wrong in digits.iter().chain(&other) {
            assert!(wrong.parse::<Identity>().is_err(), "{wrong}");
        }
    }
}
