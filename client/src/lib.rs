//! Programs for the command line, as a user would write them. Two speak the gateway's public HTTP API: `stream_tts` speaks a
//! text into a WAV file, `echo_bytes` sends a WAV file to be recognised and spoken again. `eleven` speaks through ElevenLabs
//! without a gateway, and `tts_bench` measures either. `load` holds many dialogues with a gateway at once.
//!
//! Nothing of the services is used here, so these programs fail when the public API changes.
//! What they print is Russian and part of the specification.
//!
//! * [`options`]: the options that both programs of the gateway share, and the exit codes in `--help`
//! * [`gateway`]: one request and its streamed answer, or the reason for a refusal
//! * [`receive`]: answer → lines of 4096-byte frames and a WAV file
//! * [`frames`]: any pieces of bytes → frames of 4096
//! * [`eleven`]: one text through ElevenLabs into a WAV file
//! * [`mod@bench`]: measurements, and their reports
//! * [`load`]: many dialogues at once, and what was heard of them
//! * [`socket`]: `/ws/tts` of a gateway
//! * [`settings`]: those of ElevenLabs
//! * [`wav`]: WAV files in and out; [`mod@file`]: a file under its final name is always complete
//! * [`screen`]: what is printed where
//! * [`error`]: what went wrong, and the exit code for it

pub mod bench;
pub mod eleven;
pub mod error;
pub mod file;
pub mod frames;
pub mod gateway;
pub mod load;
pub mod options;
pub mod receive;
pub mod screen;
pub mod settings;
pub mod socket;
pub mod wav;

pub use error::ClientError;

use std::process::ExitCode;

/// Runs a program to its end on a single-threaded runtime; prints what went wrong and turns it into an exit code.
pub fn run(program: impl Future<Output = Result<(), ClientError>>) -> ExitCode {
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ClientError::Start)
        .and_then(|runtime| runtime.block_on(program));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Ошибка: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
