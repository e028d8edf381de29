import { toBuffer } from 'qrcode';

/** A text as a QR code, in a PNG image. */
export async function renderQrCode(text: string): Promise<Buffer> {
  return await toBuffer(text, { errorCorrectionLevel: 'M', margin: 4, scale: 6 });
}
