package limits

// MaxReportBytes is the largest report in JSON that is read back. That of an image with
// 5,000 packages and as many files has 30 MB.
const MaxReportBytes = 1 << 30
