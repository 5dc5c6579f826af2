package ca

// Impersonate gives the issuing CA the name and the key identifier of
// another's, as a CA may that is hostile or careless. Its key stays its own.
func (c *CA) Impersonate(other *CA) error {
	template := *c.Issuing.Certificate
	template.RawSubject, template.SubjectKeyId = other.Issuing.Certificate.RawSubject, other.Issuing.Certificate.SubjectKeyId
	template.Extensions, template.ExtraExtensions = nil, nil // made anew, of the fields
	issuing, err := issue(&template, c.Root, c.Issuing.Key.Public())
	if err != nil {
		return err
	}
	c.Issuing.Certificate = issuing
	return nil
}
