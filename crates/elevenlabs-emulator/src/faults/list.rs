//! The list of faults.

use serde::{Deserialize, Serialize};

use super::{Guesses, Trigger};

/// What gives a fault its opportunity. In one group at most one fault happens at an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Each HTTP request for speech.
    Request,
    /// Each WebSocket upgrade.
    Upgrade,
    /// Each utterance on a WebSocket: a socket's on `/stream-input`, a context's on `/multi-stream-input`. Drawn with its
    /// first message.
    Utterance,
    /// On top of others, never drawn by chance.
    Spelling,
}

macro_rules! faults {
    ($( $(#[$doc:meta])* $group:ident $fault:ident $name:ident; )*) => {
        /// One kind of failure; each has its switch of the same name in [`Faults`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $( $(#[$doc])* $fault, )*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &[Fault] = &[$( Fault::$fault, )*];

            /// What gives it its opportunity.
            pub fn group(self) -> Group {
                match self {
                    $( Fault::$fault => Group::$group, )*
                }
            }

            /// The name of its switch.
            pub fn name(self) -> &'static str {
                match self {
                    $( Fault::$fault => stringify!($name), )*
                }
            }
        }

        /// The switches. As JSON: `{"ws_reset": {"every": 2}, "rate": 0.01, "seed": 1, "guesses": {…}}`; unknown names are refused.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Faults {
            /// The share (0 to 1) of requests, upgrades and utterances at which any one fault of theirs happens, drawn by
            /// chance: a request over a fresh WebSocket has two opportunities.
            pub rate: f64,
            /// The same seed draws the same faults in the same order.
            pub seed: u64,
            /// What is not known about the real service.
            pub guesses: Guesses,
            $( $(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<Trigger>, )*
        }

        impl Faults {
            /// The switch of a fault.
            pub fn trigger(&self, fault: Fault) -> Option<&Trigger> {
                match fault {
                    $( Fault::$fault => self.$name.as_ref(), )*
                }
            }

            /// Only this fault.
            pub fn only(fault: Fault, trigger: Trigger) -> Self {
                let mut faults = Self::default();
                match fault {
                    $( Fault::$fault => faults.$name = Some(trigger), )*
                }
                faults
            }
        }
    };
}

faults! {
    /// 401 `unauthorized` / `invalid_api_key`, as for a wrong key.
    Request HttpUnauthorized http_unauthorized;
    /// 400 `invalid_api_key`, as for a key of a malformed shape.
    Request HttpMalformedKey http_malformed_key;
    /// 401 `quota_exceeded`, the older way to say it.
    Request HttpQuotaExceeded http_quota_exceeded;
    /// 402 `insufficient_credits`, the newer way to say it.
    Request HttpPaymentRequired http_payment_required;
    /// 403 `subscription_required`, as for a format that the plan lacks.
    Request HttpForbidden http_forbidden;
    /// 404 `voice_not_found`.
    Request HttpVoiceNotFound http_voice_not_found;
    /// 422 whose `detail` is an array.
    Request HttpUnprocessable http_unprocessable;
    /// 429 for too many requests at once: `concurrent_limit_exceeded`, or `too_many_concurrent_requests` with `old_names`.
    Request HttpTooManyAtOnce http_too_many_at_once;
    /// 429 for too many requests in a time: `rate_limit_exceeded` (`system_busy` with `old_names`).
    Request HttpRateLimited http_rate_limited;
    /// 429 `system_busy`: the service as a whole.
    Request HttpSystemBusy http_system_busy;
    /// 500, or another `status`, as JSON.
    Request Http5xx http_5xx;
    /// 502, or another `status`, as a page of HTML.
    Request HttpHtmlError http_html_error;
    /// The connection is reset instead of an answer.
    Request HttpReset http_reset;
    /// The connection is closed instead of an answer.
    Request HttpHangUp http_hang_up;
    /// No answer, ever.
    Request HttpNoAnswer http_no_answer;
    /// The answer begins `delay_ms` later (2 s).
    Request HttpSlow http_slow;
    /// 200, and a body that ends without any sound.
    Request HttpEmptyBody http_empty_body;
    /// The connection is closed within the body, before its last chunk.
    Request HttpBodyCut http_body_cut;
    /// The connection is reset within the body.
    Request HttpBodyReset http_body_reset;
    /// The body stops; the connection stays open.
    Request HttpBodyStall http_body_stall;
    /// A line (or body) of JSON that is none. Plain sound has no JSON: there the connection is closed within the body.
    Request HttpMalformedJson http_malformed_json;
    /// Sound in JSON that is no base64. Plain sound has none: there the connection is closed within the body.
    Request HttpBadBase64 http_bad_base64;
    /// After the answer the kept-alive connection is closed without notice.
    Request HttpKeepAliveClose http_keep_alive_close;

    /// The upgrade is answered `delay_ms` later (2 s).
    Upgrade WsHandshakeDelay ws_handshake_delay;
    /// The upgrade is never answered.
    Upgrade WsHandshakeHang ws_handshake_hang;
    /// The connection is reset instead of the upgrade.
    Upgrade WsHandshakeReset ws_handshake_reset;
    /// The upgrade is refused with 503, or another `status`.
    Upgrade WsUpgradeRefused ws_upgrade_refused;
    /// 101, then `invalid_api_key`, 1008.
    Upgrade WsInvalidKey ws_invalid_key;
    /// 101, then after the first text `voice_id_does_not_exist`, 1008.
    Upgrade WsVoiceMissing ws_voice_missing;
    /// The idle socket is closed with 1000 after `delay_ms` (1 s; on the clock).
    Upgrade WsIdleClose ws_idle_close;
    /// The idle socket is reset after `delay_ms` (1 s; on the clock).
    Upgrade WsIdleReset ws_idle_reset;
    /// The idle socket goes dead after `delay_ms` (1 s; on the clock): open, and nothing is answered, not even a ping.
    Upgrade WsIdleHalfOpen ws_idle_half_open;

    /// The connection is reset in the middle of the sound.
    Utterance WsReset ws_reset;
    /// The connection ends in the middle of the sound without a close frame (1006).
    Utterance WsAbnormalClose ws_abnormal_close;
    /// Close 1011 in the middle of the sound.
    Utterance WsInternalError ws_internal_error;
    /// Close 1000 in the middle of the sound, without `isFinal`.
    Utterance WsEarlyClose ws_early_close;
    /// The socket stays open, and neither sends nor reads any more.
    Utterance WsHalfOpen ws_half_open;
    /// "We are sorry, something went wrong…", 1008.
    Utterance WsSomethingWrong ws_something_wrong;
    /// `quota_exceeded`, 1008. The text of the frame is a guess.
    Utterance WsQuotaExceeded ws_quota_exceeded;
    /// `detected_unusual_activity`, 1008. The text of the frame is a guess.
    Utterance WsUnusualActivity ws_unusual_activity;
    /// `input_timeout_exceeded`, 1008, though there was input.
    Utterance WsInputTimeout ws_input_timeout;
    /// `concurrent_limit_exceeded`, 1008. That WebSockets tell it so is a guess.
    Utterance WsTooManyAtOnce ws_too_many_at_once;
    /// The utterance stops in the middle of the sound; the socket lives on.
    Utterance WsStall ws_stall;
    /// No sound: only `isFinal`, when the input has ended.
    Utterance WsSilent ws_silent;
    /// No sound and no `isFinal` either.
    Utterance WsLost ws_lost;
    /// All the sound, and no `isFinal`. On `/stream-input` no close either.
    Utterance WsNoFinal ws_no_final;
    /// One more frame of sound for the context, after its `isFinal`.
    Utterance WsLateAudio ws_late_audio;
    /// A frame of more than 1 MiB.
    Utterance WsLargeFrame ws_large_frame;
    /// A frame that is no JSON, in the middle of the sound.
    Utterance WsMalformedJson ws_malformed_json;
    /// A frame whose sound is no base64, in the middle of the sound.
    Utterance WsBadBase64 ws_bad_base64;

    /// A context that is closed before its first sound left gives none: only `isFinal`. Seen on the real service when
    /// `close_context` came right after the text.
    Spelling WsCloseRace ws_close_race;
    /// The same without `isFinal`.
    Spelling WsCloseRaceLost ws_close_race_lost;
    /// `context_id` instead of `contextId`.
    Spelling WsSnakeContextId ws_snake_context_id;
    /// `is_final` instead of `isFinal`.
    Spelling WsSnakeIsFinal ws_snake_is_final;
    /// `charsStartTimesMs` and `charsDurationsMs` instead of `charStartTimesMs` and `charDurationsMs`.
    Spelling WsCharsSpelling ws_chars_spelling;
    /// No alignments at all: both null.
    Spelling WsNoAlignment ws_no_alignment;
}
