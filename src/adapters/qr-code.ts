/** A text as a QR code, in a PNG image. */
export async function renderQrCode(text: string): Promise<Buffer> {
  const { toBuffer } = await import('qrcode');
  return await toBuffer(text, { errorCorrectionLevel: 'M', margin: 4, scale: 6 });
}
