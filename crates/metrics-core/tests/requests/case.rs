//! What a case is: a request, what its client does and must see, and what must be counted.

use crate::app::Layout;

/// What carries a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// `init_service` and `call_service`: no dispatcher.
    Mock,
    /// Raw bytes to a live server.
    Http1,
    /// h2c with prior knowledge to the same server.
    Http2,
}

pub(crate) type Change = fn(Case) -> Case;

#[derive(Clone)]
pub(crate) struct Case {
    /// The rule it proves.
    pub(crate) id: &'static str,
    pub(crate) what: &'static str,
    pub(crate) layout: Layout,
    pub(crate) request: Request,
    pub(crate) client: Client,
    pub(crate) sees: Sees,
    /// `None` where no middleware ever sees the request.
    pub(crate) counted: Option<Counted>,
    closes: bool,
    differently: Vec<(Over, Change)>,
    not_over: Vec<Over>,
}

#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// `{n}` in it becomes a number that no other exchange has.
    pub(crate) target: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: Body,
    /// HTTP/1 only: these bytes instead of all the above.
    pub(crate) raw: Option<&'static [u8]>,
}

#[derive(Clone, Copy)]
pub(crate) enum Body {
    None,
    /// With Content-Length.
    Sized(&'static str),
    /// Without: chunks in HTTP/1, DATA frames in HTTP/2.
    Pieces(&'static [&'static str]),
    /// Content-Length says more than there is.
    Short {
        announced: u64,
        sent: &'static str,
    },
}

impl Body {
    pub(crate) fn pieces(self) -> Vec<&'static str> {
        match self {
            Self::None => vec![],
            Self::Sized(text) | Self::Short { sent: text, .. } => vec![text],
            Self::Pieces(pieces) => pieces.to_vec(),
        }
    }

    pub(crate) fn announced(self) -> Option<u64> {
        match self {
            Self::None | Self::Pieces(_) => None,
            Self::Sized(text) => Some(text.len() as u64),
            Self::Short { announced, .. } => Some(announced),
        }
    }
}

/// What the client does once its request is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Reads,
    /// Takes the response and never reads its body: nothing but a mock can do that.
    Ignores,
    /// Goes away while the handler stands at its gate, which opens afterwards.
    LeavesEarly,
    /// Goes away with the first pieces of the body.
    LeavesMidway,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Sees {
    /// An answer from its beginning to its end.
    Whole(u16, Text),
    /// Anything less, or nothing.
    Broken,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Text {
    Is(&'static str),
    Length(usize),
    Any,
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Is(text)
    }
}

impl From<usize> for Text {
    fn from(length: usize) -> Self {
        Self::Length(length)
    }
}

/// What one exchange adds to the metrics.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) end: End,
    pub(crate) received: u64,
    pub(crate) sent: Sent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Code(u16),
    Cause(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Exactly(u64),
    /// The rest was on its way when the client left.
    AtLeast(u64),
    /// As many bytes as the client got.
    AsSeen,
}

pub(crate) const fn request(method: &'static str, target: &'static str) -> Request {
    Request { method, target, headers: &[], body: Body::None, raw: None }
}

pub(crate) const fn get(target: &'static str) -> Request {
    request("GET", target)
}

pub(crate) const fn post(target: &'static str, body: Body) -> Request {
    Request { body, ..request("POST", target) }
}

pub(crate) const fn raw(bytes: &'static [u8]) -> Request {
    Request { raw: Some(bytes), ..request("", "") }
}

impl Request {
    pub(crate) const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}

pub(crate) fn case(id: &'static str, what: &'static str, request: Request) -> Case {
    let raw = request.raw.is_some();
    Case {
        id,
        what,
        layout: Layout::Plain,
        request,
        client: Client::Reads,
        sees: Sees::Broken,
        counted: None,
        closes: raw,
        differently: vec![],
        not_over: if raw { vec![Over::Mock, Over::Http2] } else { vec![] },
    }
}

impl Case {
    pub(crate) fn layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    pub(crate) fn client(self, client: Client) -> Self {
        Self { client, ..self }
    }

    pub(crate) fn sees(self, status: u16, body: impl Into<Text>) -> Self {
        Self { sees: Sees::Whole(status, body.into()), ..self }
    }

    pub(crate) fn breaks(self) -> Self {
        Self { sees: Sees::Broken, ..self }
    }

    /// A complete response of the status that the client sees, or 200 for a client that does not stay to see it.
    pub(crate) fn counts(self, path: &'static str) -> Self {
        match self.sees {
            Sees::Whole(status, _) => self.counted(path, End::Code(status), Sent::AsSeen),
            Sees::Broken => self.counted(path, End::Code(200), Sent::AsSeen),
        }
    }

    pub(crate) fn aborts(self, path: &'static str, cause: &'static str) -> Self {
        self.counted(path, End::Cause(cause), Sent::Exactly(0))
    }

    fn counted(mut self, path: &'static str, end: End, sent: Sent) -> Self {
        let method = self.request.method;
        let received = self.request.body.pieces().iter().map(|piece| piece.len() as u64).sum();
        let received = self.request.body.announced().unwrap_or(received);
        self.counted = Some(Counted { method, path, end, received, sent });
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.counted.as_mut().unwrap().method = method;
        self
    }

    pub(crate) fn received(mut self, bytes: u64) -> Self {
        self.counted.as_mut().unwrap().received = bytes;
        self
    }

    pub(crate) fn sent(self, bytes: u64) -> Self {
        self.sends(Sent::Exactly(bytes))
    }

    pub(crate) fn sent_at_least(self, bytes: u64) -> Self {
        self.sends(Sent::AtLeast(bytes))
    }

    fn sends(mut self, sent: Sent) -> Self {
        self.counted.as_mut().unwrap().sent = sent;
        self
    }

    /// What is otherwise over one of the three, and why.
    pub(crate) fn but(mut self, over: Over, _why: &'static str, differently: Change) -> Self {
        self.differently.push((over, differently));
        self
    }

    /// Over which of the three the case makes no sense, and why.
    pub(crate) fn not_over(mut self, over: &[Over], _why: &'static str) -> Self {
        self.not_over.extend(over);
        self
    }

    /// The case as it is over one of the three.
    pub(crate) fn over(&self, over: Over) -> Option<Self> {
        let differently = self.differently.iter().filter(|(other, _)| *other == over);
        let case = differently.fold(self.clone(), |case, (_, differently)| differently(case));
        (!self.not_over.contains(&over)).then_some(case)
    }

    /// The server lets nothing follow on the connection.
    pub(crate) fn closes(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Whether a connection can carry something before and after it.
    pub(crate) fn shares_connection(&self) -> bool {
        self.client == Client::Reads && matches!(self.sees, Sees::Whole(..)) && !self.closes
    }
}
