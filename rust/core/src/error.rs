//! Errors, with text for the caller.

use std::fmt;

use crate::limits::MAX_NBYTES;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The arguments contradict each other or the data; the text names the numbers that disagree.
    Invalid(String),
    /// A chunk of this many bytes (`None`: more than can be counted) is above [`MAX_NBYTES`].
    TooLarge(Option<usize>),
    /// The allocator refused this many bytes.
    OutOfMemory(usize),
    /// A compressor reported a failure that correct use cannot cause.
    Codec(String),
}

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An [`Error::Invalid`] with this text.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) | Self::Codec(text) => f.write_str(text),
            Self::TooLarge(Some(nbytes)) => {
                write!(f, "chunk of {nbytes} bytes: at most {MAX_NBYTES} are encoded at once; choose a smaller chunk shape")
            }
            Self::TooLarge(None) => f.write_str("chunk size overflows; choose a smaller chunk shape"),
            Self::OutOfMemory(nbytes) => write!(f, "no memory for {nbytes} bytes; choose a smaller chunk shape"),
        }
    }
}

impl std::error::Error for Error {}
