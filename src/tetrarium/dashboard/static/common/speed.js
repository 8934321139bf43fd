// Pieces a second from 1 to 1,000 on a slider from 0 to 1,000: each third of it is ten times as fast.

export const speedAt = (place) => {
  const speed = 1000 ** (place / 1000);
  const digits = speed < 20 ? 1 : speed < 200 ? 5 : 10;
  return Math.min(1000, Math.max(1, Math.round(speed / digits) * digits));
};

export const placeOf = (speed) => Math.round((1000 * Math.log(Math.max(1, speed))) / Math.log(1000));
