//! Tokens to a syntax tree, by recursive descent.

use std::ops::Range;

use super::lex::{Token, TokenKind, tokens};
use super::{Fault, functions};

/// The deepest nesting of an expression; deeper ones are surely a mistake, and the stack is finite.
const MAX_DEPTH: usize = 200;

/// A node of the syntax tree and the bytes it takes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Syntax {
    pub(super) kind: SyntaxKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum SyntaxKind {
    Column(String),
    Literal(Literal),
    Not(Box<Syntax>),
    Negative(Box<Syntax>),
    Binary(Operator, Box<Syntax>, Box<Syntax>),
    /// `x in [..]`, or `not in` where true.
    In(Box<Syntax>, Vec<Syntax>, bool),
    /// `x is null`, or `is not null` where true.
    IsNull(Box<Syntax>, bool),
    Call(&'static functions::Function, Vec<Syntax>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

const KEYWORDS: [&str; 8] = ["and", "or", "not", "in", "is", "null", "true", "false"];

/// The syntax tree of an expression.
pub(super) fn parse(text: &str) -> Result<Syntax, Fault> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    if parser.peek() == &TokenKind::End {
        return Err(Fault::new(
            0..text.len(),
            "the expression is empty; write, for example, `len(body) > 20`",
        ));
    }
    let root = parser.or()?;
    match parser.peek() {
        TokenKind::End => Ok(root),
        TokenKind::Symbol(")" | "]") => Err(parser.fault("this bracket was never opened")),
        _ => Err(parser.fault("expected an operator such as `and`, `==` or `in` before this")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].span.clone()
    }

    fn advance(&mut self) -> Token {
        let token = self.tokens[self.at].clone();
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.span(), message)
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Word(word) if word == keyword);
        if found {
            self.at += 1;
        }
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(held) if *held == symbol);
        if found {
            self.at += 1;
        }
        found
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault("the expression is nested too deep"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Result<Syntax, Fault> {
        let mut left = self.and()?;
        while self.take_word("or") {
            let right = self.and()?;
            left = self.binary(Operator::Or, left, right)?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Syntax, Fault> {
        let mut left = self.not()?;
        while self.take_word("and") {
            let right = self.not()?;
            left = self.binary(Operator::And, left, right)?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Syntax, Fault> {
        let start = self.span().start;
        if self.take_word("not") {
            let inner = self.deeper(Self::not)?;
            let span = start..inner.span.end;
            return Ok(Syntax {
                kind: SyntaxKind::Not(Box::new(inner)),
                span,
            });
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Syntax, Fault> {
        let left = self.sum()?;
        let operator = match self.peek() {
            TokenKind::Symbol("==" | "=") => Operator::Equal,
            TokenKind::Symbol("!=" | "<>") => Operator::Unequal,
            TokenKind::Symbol("<") => Operator::Less,
            TokenKind::Symbol("<=") => Operator::LessEqual,
            TokenKind::Symbol(">") => Operator::Greater,
            TokenKind::Symbol(">=") => Operator::GreaterEqual,
            TokenKind::Word(word) if word == "is" => return self.is_null(left),
            TokenKind::Word(word) if word == "in" => {
                self.at += 1;
                return self.among(left, false);
            }
            TokenKind::Word(word) if word == "not" => {
                self.at += 1;
                if !self.take_word("in") {
                    return Err(self.fault("expected `in` after `not` here"));
                }
                return self.among(left, true);
            }
            _ => return Ok(left),
        };
        self.at += 1;
        let right = self.sum()?;
        let compared = self.binary(operator, left, right)?;
        if let TokenKind::Symbol("==" | "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") = self.peek() {
            return Err(self.fault("comparisons do not chain; join two of them by `and`"));
        }
        Ok(compared)
    }

    fn is_null(&mut self, left: Syntax) -> Result<Syntax, Fault> {
        self.at += 1;
        let negated = self.take_word("not");
        let end = self.span().end;
        if !self.take_word("null") {
            return Err(self.fault("expected `null` or `not null` after `is`"));
        }
        let span = left.span.start..end;
        Ok(Syntax {
            kind: SyntaxKind::IsNull(Box::new(left), negated),
            span,
        })
    }

    fn among(&mut self, left: Syntax, negated: bool) -> Result<Syntax, Fault> {
        if !self.take_symbol("[") {
            return Err(self.fault("expected a list such as [\"open\", \"closed\"] after `in`"));
        }
        let mut items = Vec::new();
        loop {
            let end = self.span().end;
            if self.take_symbol("]") {
                let span = left.span.start..end;
                return Ok(Syntax {
                    kind: SyntaxKind::In(Box::new(left), items, negated),
                    span,
                });
            }
            items.push(self.deeper(Self::unary)?);
            if !self.take_symbol(",") && self.peek() != &TokenKind::Symbol("]") {
                return Err(self.fault("expected `,` or `]` in this list"));
            }
        }
    }

    fn sum(&mut self) -> Result<Syntax, Fault> {
        let mut left = self.product()?;
        loop {
            let operator = match self.peek() {
                TokenKind::Symbol("+") => Operator::Add,
                TokenKind::Symbol("-") => Operator::Subtract,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn product(&mut self) -> Result<Syntax, Fault> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.peek() {
                TokenKind::Symbol("*") => Operator::Multiply,
                TokenKind::Symbol("/") => Operator::Divide,
                TokenKind::Symbol("%") => Operator::Remainder,
                _ => return Ok(left),
            };
            self.at += 1;
            let right = self.unary()?;
            left = self.binary(operator, left, right)?;
        }
    }

    fn unary(&mut self) -> Result<Syntax, Fault> {
        let start = self.span().start;
        if !self.take_symbol("-") {
            return self.primary();
        }
        let inner = self.deeper(Self::unary)?;
        let span = start..inner.span.end;
        let kind = match inner.kind {
            SyntaxKind::Literal(Literal::Int(value)) => SyntaxKind::Literal(Literal::Int(-value)),
            SyntaxKind::Literal(Literal::Float(value)) => {
                SyntaxKind::Literal(Literal::Float(-value))
            }
            _ => SyntaxKind::Negative(Box::new(inner)),
        };
        Ok(Syntax { kind, span })
    }

    fn primary(&mut self) -> Result<Syntax, Fault> {
        let token = self.advance();
        let span = token.span.clone();
        let kind = match token.kind {
            TokenKind::Text(text) => SyntaxKind::Literal(Literal::Text(text)),
            TokenKind::Int(value) => SyntaxKind::Literal(Literal::Int(value)),
            TokenKind::Float(value) => SyntaxKind::Literal(Literal::Float(value)),
            TokenKind::Quoted(name) => SyntaxKind::Column(name),
            TokenKind::Word(word) => match word.as_str() {
                "true" => SyntaxKind::Literal(Literal::Bool(true)),
                "false" => SyntaxKind::Literal(Literal::Bool(false)),
                "null" => SyntaxKind::Literal(Literal::Null),
                keyword if KEYWORDS.contains(&keyword) => {
                    return Err(Fault::new(
                        span,
                        format!("expected a value before `{keyword}`"),
                    ));
                }
                _ if self.peek() == &TokenKind::Symbol("(") => return self.call(&word, span),
                _ => SyntaxKind::Column(word),
            },
            TokenKind::Symbol("(") => {
                let inner = self.deeper(Self::or)?;
                if !self.take_symbol(")") {
                    return Err(self.fault("expected `)`"));
                }
                return Ok(inner);
            }
            TokenKind::Symbol(symbol) => {
                return Err(Fault::new(
                    span,
                    format!("expected a value, found `{symbol}`"),
                ));
            }
            TokenKind::End => {
                return Err(Fault::new(
                    span,
                    "the expression ends where a value should come",
                ));
            }
        };
        Ok(Syntax { kind, span })
    }

    fn call(&mut self, name: &str, name_span: Range<usize>) -> Result<Syntax, Fault> {
        let function = functions::find(name).ok_or_else(|| {
            let near = crate::near_miss(name, functions::ALL.iter().map(|f| f.name));
            let hint = near.map_or_else(
                || {
                    let names: Vec<&str> = functions::ALL.iter().map(|f| f.name).collect();
                    format!("; there are {}", names.join(", "))
                },
                |near| format!("; did you mean `{near}`?"),
            );
            Fault::new(name_span.clone(), format!("no function `{name}`{hint}"))
        })?;
        self.at += 1;
        let mut arguments = Vec::new();
        loop {
            let end = self.span().end;
            if self.take_symbol(")") {
                return Ok(Syntax {
                    kind: SyntaxKind::Call(function, arguments),
                    span: name_span.start..end,
                });
            }
            arguments.push(self.deeper(Self::or)?);
            if !self.take_symbol(",") && self.peek() != &TokenKind::Symbol(")") {
                return Err(self.fault(format!("expected `,` or `)` in the call of `{name}`")));
            }
        }
    }

    /// Chains of operators nest to the left without recursion here, but they are walked by it.
    fn binary(&self, operator: Operator, left: Syntax, right: Syntax) -> Result<Syntax, Fault> {
        const MOST_TOKENS: usize = 4_000;
        let span = left.span.start..right.span.end;
        if self.tokens.len() > MOST_TOKENS {
            return Err(Fault::new(span, "the expression is too long"));
        }
        Ok(Syntax {
            kind: SyntaxKind::Binary(operator, Box::new(left), Box::new(right)),
            span,
        })
    }
}
