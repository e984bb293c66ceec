/// Why a text is no regular expression. The wording is Go's, where the fault is found by us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// `[` without `]`.
    #[error("missing closing ]: `{text}`")]
    MissingBracket {
        /// From the bracket on.
        text: String,
    },
    /// `[b-a]` or `[[:foo:]]`.
    #[error("invalid character class range: `{text}`")]
    Range {
        /// The range.
        text: String,
    },
    /// A backslash before something that it doesn't go with.
    #[error("invalid escape sequence: `{text}`")]
    Escape {
        /// From the backslash on.
        text: String,
    },
    /// `a**`
    #[error("invalid nested repetition operator: `{text}`")]
    NestedRepetition {
        /// The operators.
        text: String,
    },
    /// `a{2,1}`, or more than a thousand.
    #[error("invalid repeat count: `{text}`")]
    RepeatCount {
        /// The braces and what is in them.
        text: String,
    },
    /// `(?…` with something that it doesn't go with.
    #[error("invalid or unsupported Perl syntax: `{text}`")]
    Group {
        /// From the parenthesis on.
        text: String,
    },
    /// Anything else that isn't the syntax.
    #[error("{message}")]
    Syntax {
        /// What the regular expression's compiler says.
        message: String,
    },
    /// It would take more memory than a query may cost.
    #[error("expression too large")]
    TooLarge,
}

impl From<regex::Error> for RegexError {
    fn from(error: regex::Error) -> Self {
        match error {
            regex::Error::CompiledTooBig(_) => Self::TooLarge,
            error => {
                // Several lines with a drawing of the place in the translated pattern, which nobody wrote.
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                Self::Syntax { message: last.trim_start_matches("error: ").to_owned() }
            }
        }
    }
}
