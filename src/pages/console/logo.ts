/** The bytes of a logo that a policy takes, and the heights that are tried, from the largest on. */
const maxBytes = 12_000;
const heights = [144, 96, 72, 48, 32];

/** Reads an image as a PNG that is small enough to stand in every page. Throws where it is no image. */
export async function readLogo(file: File): Promise<string> {
  const address = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    for (const height of heights) {
      const canvas = document.createElement('canvas');
      const scale = height / Math.max(1, image.naturalHeight);
      canvas.height = height;
      canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
      canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
      const logo = canvas.toDataURL('image/png');
      if (logo.length < (maxBytes * 4) / 3) return logo;
    }
    throw new Error('the image cannot be made small enough');
  } finally {
    URL.revokeObjectURL(address);
  }
}
