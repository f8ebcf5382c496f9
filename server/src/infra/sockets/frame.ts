/**
 * Whole unmasked text frames (RFC 6455, section 5.2), made here so that they can be written to many sockets as the same
 * bytes, and many to one socket in one piece.
 */
const headerLength = (length: number): number => (length < 126 ? 2 : length < 65_536 ? 4 : 10);

/** Writes the header of a text frame of `length` bytes at `at`, and returns where its text begins. */
function writeHeader(buffer: Buffer, at: number, length: number): number {
  buffer[at] = 0x81;
  if (length < 126) {
    buffer[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    buffer[at + 1] = 126;
    return buffer.writeUInt16BE(length, at + 2);
  }
  buffer[at + 1] = 127;
  return buffer.writeBigUInt64BE(BigInt(length), at + 2);
}

export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(headerLength(length) + length);
  frame.write(text, writeHeader(frame, 0, length));
  return frame;
}

/** Texts, and frames that are ready, as one buffer of frames; each text gets `prefix`, one ASCII character. */
export function joinFrames(parts: readonly (string | Buffer)[], prefix: string): Buffer {
  const lengths = parts.map((part) => (typeof part === 'string' ? Buffer.byteLength(part) + 1 : part.length));
  let size = 0;
  lengths.forEach((length, index) => {
    size += length + (typeof parts[index] === 'string' ? headerLength(length) : 0);
  });
  const joined = Buffer.allocUnsafe(size);
  let at = 0;
  parts.forEach((part, index) => {
    if (typeof part === 'string') {
      at = writeHeader(joined, at, lengths[index] ?? 0);
      joined[at] = prefix.charCodeAt(0);
      at += 1 + joined.write(part, at + 1);
    } else {
      at += part.copy(joined, at);
    }
  });
  return joined;
}
