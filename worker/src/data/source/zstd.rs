//! A stream of zstd frames, one behind the other, as `zstd` and `pzstd` write them.
//!
//! Source: RFC 8878; the decoder is `ruzstd`, which needs no C compiler.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// Bytes that are decoded before they are handed on.
const PIECE_BYTES: usize = 1 << 17;

/// Reads the content of all frames.
pub(super) struct ZstdReader<R> {
    packed: R,
    decoder: FrameDecoder,
    is_inside_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(packed: R) -> Self {
        Self {
            packed,
            decoder: FrameDecoder::new(),
            is_inside_frame: false,
        }
    }

    /// Begins the next frame; `false` at the end of the stream. Skippable frames are skipped.
    fn begin_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.packed.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let skipped =
                        io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// After a frame's last block: the checksum, where the frame has one.
    fn end_frame(&mut self) -> io::Result<()> {
        self.is_inside_frame = false;
        match (
            self.decoder.get_checksum_from_data(),
            self.decoder.get_calculated_checksum(),
        ) {
            (Some(expected), Some(found)) if expected != found => Err(io::Error::other(format!(
                "expected checksum {expected:08x}, found {found:08x}"
            ))),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_inside_frame && 0 < self.decoder.can_collect() {
                return self.decoder.read(bytes);
            }
            if self.is_inside_frame && self.decoder.is_finished() {
                self.end_frame()?;
            }
            if !self.is_inside_frame {
                if !self.begin_frame()? {
                    return Ok(0);
                }
                self.is_inside_frame = true;
            }
            self.decoder
                .decode_blocks(
                    &mut self.packed,
                    BlockDecodingStrategy::UptoBytes(PIECE_BYTES),
                )
                .map_err(io::Error::other)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::ZstdReader;

    fn packed(text: &[u8]) -> Vec<u8> {
        compress_to_vec(text, CompressionLevel::Fastest)
    }

    fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        ZstdReader::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    #[test]
    fn frames_are_read_one_after_the_other_and_skippable_ones_skipped() {
        let text: Vec<u8> = (0..600_000_u32).map(|i| (i % 251) as u8).collect();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let stream = [
            packed(&text[..400_000]),
            skippable,
            packed(&text[400_000..]),
        ]
        .concat();
        assert!(unpacked(&stream).unwrap() == text);
    }

    #[test]
    fn a_stream_that_breaks_off_or_is_damaged_is_an_error() {
        let text: Vec<u8> = (0..60_000_u32).map(|i| (i * i % 251) as u8).collect();
        let whole = packed(&text);
        assert!(unpacked(&whole[..whole.len() / 2]).is_err());
        let mut damaged = whole.clone();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        let error = unpacked(&damaged).unwrap_err().to_string();
        assert!(error.contains("expected checksum"), "{error}");
        assert!(unpacked(&[&whole[..], b"rest"].concat()).is_err());
    }
}
