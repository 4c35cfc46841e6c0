// An upload: a form whose file goes to the store as it comes, measured line by line. Nothing of it is
// left where the form is broken off, out of bounds, or not what it says.
import type { Request } from 'express';
import { LineMeter, type LineFault } from '../../batches/lines.ts';
import type { StoredFile } from '../../batches/file.ts';
import type { FileWriter } from '../../batches/file-writer.ts';
import type { Files } from '../../batches/files.ts';
import type { Config } from '../../config/schema.ts';
import { AppError } from '../../core/errors.ts';
import { formFields, textOfField, type StreamedField } from '../form-stream.ts';
import { bytesOf } from '../read-body.ts';

export interface UploadOptions {
  readonly files: Files;
  readonly config: Pick<Config, 'files' | 'batches'>;
  readonly tenant: string;
}

interface Received {
  writer?: FileWriter;
  name?: string;
  lines?: number;
  purpose?: string;
  anchor?: string;
  seconds?: string;
}

/** Heads, boundaries and words beside the file. */
const FORM_BYTES = 64 * 1024;
const WORD_BYTES = 100;
const LONGEST_NAME = 255;
const SHORTEST_KEEP_SECONDS = 3600;

export async function receiveFile(req: Request, options: UploadOptions): Promise<StoredFile> {
  const { maxBytes } = options.config.files;
  const received: Received = {};
  try {
    const body = bytesOf(req, maxBytes + FORM_BYTES);
    for await (const field of formFields(body, req.headers['content-type'] ?? '')) {
      await receiveField(field, received, options);
    }
    return await finish(received);
  } catch (error) {
    await received.writer?.drop();
    throw error;
  }
}

async function receiveField(
  field: StreamedField,
  received: Received,
  options: UploadOptions,
): Promise<void> {
  const { name } = field;
  if (name === 'file') {
    if (received.writer !== undefined) throw invalid('The form has two files.', 'file');
    await receiveContent(field, received, options);
  } else if (name === 'purpose') received.purpose = await textOfField(field, WORD_BYTES);
  else if (name === 'expires_after[anchor]') {
    received.anchor = await textOfField(field, WORD_BYTES);
  } else if (name === 'expires_after[seconds]') {
    received.seconds = await textOfField(field, WORD_BYTES);
  } else throw invalid('The form has a field that is not known here.', name);
}

async function receiveContent(
  field: StreamedField,
  received: Received,
  { files, config, tenant }: UploadOptions,
): Promise<void> {
  if (!field.isFile) throw invalid('The field file is not a file.', 'file');
  const meter = new LineMeter(config.batches);
  const writer = await files.upload(tenant);
  received.writer = writer;
  received.name = field.fileName?.slice(0, LONGEST_NAME) ?? '';
  for await (const piece of field.pieces) {
    const fault = meter.take(piece);
    if (fault !== undefined) throw invalid(messageOf(fault, config.batches), 'file');
    await writer.write(piece);
  }
  received.lines = meter.lines;
}

async function finish(received: Received): Promise<StoredFile> {
  const { writer, name = '', lines = 0, purpose } = received;
  if (purpose !== 'batch') {
    throw invalid('The purpose must be "batch": files serve nothing else here.', 'purpose');
  }
  if (writer === undefined) throw invalid('The form has no file.', 'file');
  if (lines === 0) throw invalid('The file is empty.', 'file');
  return await writer.close({ name, purpose, keepMs: keepMsOf(received) });
}

function keepMsOf({ anchor, seconds }: Received): number | undefined {
  if (anchor === undefined && seconds === undefined) return undefined;
  const after = Number(seconds);
  if (anchor !== 'created_at' || !Number.isInteger(after) || after < SHORTEST_KEEP_SECONDS) {
    const message = `expires_after takes the anchor created_at and at least ${SHORTEST_KEEP_SECONDS} seconds.`;
    throw invalid(message, 'expires_after');
  }
  return after * 1000;
}

function messageOf(fault: LineFault, config: Config['batches']): string {
  return fault.kind === 'too_long'
    ? `Line ${fault.line} is longer than ${config.maxLineBytes} bytes.`
    : `The file has more than ${config.maxLines} lines.`;
}

function invalid(message: string, param: string): AppError {
  return new AppError('invalid_params', message, { param });
}
