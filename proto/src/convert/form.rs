//! Kind, number format and coding of a part's values.

use thalweg_common::error::RefusalKind;
use thalweg_common::message::{Codec, Dtype, Kind, Part};
use thalweg_common::push_format::PushFormat;

use super::{ConvertError, field};
use crate::v1;

/// What the values of a part are and how they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) kind: Kind,
    pub(super) dtype: Dtype,
    pub(super) codec: Codec,
}

impl Form {
    /// The format that number format and coding are together.
    pub(super) fn format(&self) -> PushFormat {
        PushFormat::of(self.dtype, self.codec).expect("a form that was read is one of a format")
    }
}

impl From<&Part> for Form {
    fn from(part: &Part) -> Self {
        Self {
            kind: part.kind,
            dtype: part.dtype,
            codec: part.codec,
        }
    }
}

impl From<Form> for v1::Form {
    fn from(form: Form) -> Self {
        let kind = match form.kind {
            Kind::Gradient => v1::Kind::Gradient,
            Kind::Delta => v1::Kind::Delta,
            Kind::Statistic => v1::Kind::Statistic,
        };
        let dtype = match form.dtype {
            Dtype::F32 => v1::Dtype::F32,
            Dtype::Bf16 => v1::Dtype::Bf16,
            Dtype::Int8 => v1::Dtype::Int8,
        };
        let codec = match form.codec {
            Codec::Raw => v1::Codec::Raw,
            Codec::BlockScaled => v1::Codec::BlockScaled,
        };
        Self {
            kind: kind as i32,
            dtype: dtype as i32,
            codec: codec as i32,
        }
    }
}

impl TryFrom<v1::Form> for Form {
    type Error = ConvertError;

    fn try_from(form: v1::Form) -> Result<Self, ConvertError> {
        let kind = match v1::Kind::try_from(form.kind) {
            Ok(v1::Kind::Gradient) => Kind::Gradient,
            Ok(v1::Kind::Delta) => Kind::Delta,
            Ok(v1::Kind::Statistic) => Kind::Statistic,
            Ok(v1::Kind::Unspecified) | Err(_) => {
                return Err(refuse(
                    "kind",
                    "gradient (1), delta (2), statistic (3)",
                    form.kind,
                ));
            }
        };
        let dtype = match v1::Dtype::try_from(form.dtype) {
            Ok(v1::Dtype::F32) => Dtype::F32,
            Ok(v1::Dtype::Bf16) => Dtype::Bf16,
            Ok(v1::Dtype::Int8) => Dtype::Int8,
            Ok(v1::Dtype::Unspecified) | Err(_) => {
                return Err(refuse("dtype", "f32 (1), bf16 (2), int8 (3)", form.dtype));
            }
        };
        let codec = match v1::Codec::try_from(form.codec) {
            Ok(v1::Codec::Raw) => Codec::Raw,
            Ok(v1::Codec::BlockScaled) => Codec::BlockScaled,
            Ok(v1::Codec::Unspecified) | Err(_) => {
                return Err(refuse("codec", "raw (1), block_scaled (2)", form.codec));
            }
        };
        if PushFormat::of(dtype, codec).is_none() {
            let expected = "f32 or bf16 with raw, int8 with block_scaled";
            let found = format!("{dtype} with {codec}");
            return Err(
                ConvertError::invalid("codec", expected, found).of_kind(RefusalKind::Unsupported)
            );
        }
        Ok(Self { kind, dtype, codec })
    }
}

/// Zero is a mistake; another number may be right for a later server.
fn refuse(name: &str, names: &str, number: i32) -> ConvertError {
    let error = field::unnamed(name, names, number);
    if number == 0 {
        error
    } else {
        error.of_kind(RefusalKind::Unsupported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_or_unknown_value_of_each_enum_is_refused_by_name() {
        let right = v1::Form {
            kind: 1,
            dtype: 1,
            codec: 1,
        };
        assert!(Form::try_from(right).is_ok());
        for (wrong, name, kind) in [
            (v1::Form { kind: 0, ..right }, "kind", RefusalKind::Invalid),
            (
                v1::Form { dtype: 0, ..right },
                "dtype",
                RefusalKind::Invalid,
            ),
            (
                v1::Form { codec: 0, ..right },
                "codec",
                RefusalKind::Invalid,
            ),
            (
                v1::Form { kind: 99, ..right },
                "kind",
                RefusalKind::Unsupported,
            ),
            (
                v1::Form { dtype: 4, ..right },
                "dtype",
                RefusalKind::Unsupported,
            ),
            (
                v1::Form { codec: -1, ..right },
                "codec",
                RefusalKind::Unsupported,
            ),
            (
                v1::Form { dtype: 3, ..right },
                "codec",
                RefusalKind::Unsupported,
            ),
            (
                v1::Form { codec: 2, ..right },
                "codec",
                RefusalKind::Unsupported,
            ),
        ] {
            let error = Form::try_from(wrong).unwrap_err();
            assert_eq!((error.field.as_str(), error.kind), (name, kind));
        }
    }
}
