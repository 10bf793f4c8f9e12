//! The small endpoints that clients use to see whether a key is good.

use hyper::Response;
use serde_json::{Value, json};

use super::errors::trace_headers;
use super::request::Received;
use super::speech::check_key;
use super::{Body, json_response};
use crate::state::State;

/// `/v1/voices`, `/v1/user`, `/v1/models`.
pub(super) fn answer(state: &State, what: &str, received: &Received) -> Response<Body> {
    if let Err(error) = check_key(state, received) {
        return error.answer(state);
    }
    let json = match what {
        "voices" => voices(state),
        "user" => user(),
        _ => models(),
    };
    let mut response = json_response(200, &json);
    trace_headers(state, &mut response);
    response
}

fn voices(state: &State) -> Value {
    let voice = |id: &String| {
        json!({
            "voice_id": id, "name": id, "category": "premade", "labels": {}, "description": null, "samples": null,
            "preview_url": null, "available_for_tiers": [], "settings": null, "high_quality_base_model_ids": [],
        })
    };
    json!({"voices": state.config.voices.iter().map(voice).collect::<Vec<_>>()})
}

fn user() -> Value {
    json!({
        "user_id": "emulator",
        "subscription": {
            "tier": "creator", "character_count": 0, "character_limit": 100_000, "can_extend_character_limit": false,
            "allowed_to_extend_character_limit": false, "next_character_count_reset_unix": 0, "voice_limit": 30,
            "professional_voice_limit": 1, "can_extend_voice_limit": false, "can_use_instant_voice_cloning": true,
            "can_use_professional_voice_cloning": true, "status": "active",
        },
        "is_new_user": false,
        "can_use_delayed_payment_methods": false,
        "is_onboarding_completed": true,
        "is_onboarding_checklist_completed": true,
        "created_at": 0,
    })
}

fn models() -> Value {
    let model = |(id, limit, cost): &(&str, usize, f64)| {
        json!({
            "model_id": id, "name": id, "can_do_text_to_speech": true, "can_do_voice_conversion": false,
            "can_be_finetuned": false, "can_use_style": true, "can_use_speaker_boost": true, "serves_pro_voices": false,
            "token_cost_factor": cost, "languages": [{"language_id": "en", "name": "English"}],
            "maximum_text_length_per_request": limit, "model_rates": {"character_cost_multiplier": cost},
        })
    };
    let known = [
        ("eleven_flash_v2_5", 40_000, 0.5),
        ("eleven_turbo_v2_5", 40_000, 0.5),
        ("eleven_multilingual_v2", 10_000, 1.0),
        ("eleven_v3", 5_000, 1.0),
    ];
    known.iter().map(model).collect()
}
