package vex

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

type csafProduct struct {
	ID     string `json:"product_id"`
	Name   string `json:"name"`
	Helper struct {
		PURL   string   `json:"purl"`
		PURLs  []string `json:"purls"`
		CPE    string   `json:"cpe"`
		Hashes []struct {
			FileHashes []struct {
				Algorithm string `json:"algorithm"`
				Value     string `json:"value"`
			} `json:"file_hashes"`
		} `json:"hashes"`
	} `json:"product_identification_helper"`
}

type csafBranch struct {
	Branches []csafBranch `json:"branches"`
	Product  *csafProduct `json:"product"`
}

type csafDocument struct {
	Document struct {
		Publisher struct {
			Name string `json:"name"`
		} `json:"publisher"`
		Tracking struct {
			ID                 string `json:"id"`
			CurrentReleaseDate string `json:"current_release_date"`
		} `json:"tracking"`
	} `json:"document"`
	ProductTree struct {
		Branches         []csafBranch  `json:"branches"`
		FullProductNames []csafProduct `json:"full_product_names"`
		ProductGroups    []struct {
			ID       string   `json:"group_id"`
			Products []string `json:"product_ids"`
		} `json:"product_groups"`
		Relationships []struct {
			Category  string      `json:"category"`
			Product   string      `json:"product_reference"`
			RelatesTo string      `json:"relates_to_product_reference"`
			Full      csafProduct `json:"full_product_name"`
		} `json:"relationships"`
	} `json:"product_tree"`
	Vulnerabilities []struct {
		CVE string `json:"cve"`
		IDs []struct {
			Text string `json:"text"`
		} `json:"ids"`
		Status       map[string][]string `json:"product_status"`
		Flags        []csafRemark        `json:"flags"`
		Threats      []csafRemark        `json:"threats"`
		Remediations []csafRemark        `json:"remediations"`
	} `json:"vulnerabilities"`
}

// csafRemark is a flag, threat or remediation: what they have in common.
type csafRemark struct {
	Label    string   `json:"label"`
	Category string   `json:"category"`
	Details  string   `json:"details"`
	Products []string `json:"product_ids"`
	Groups   []string `json:"group_ids"`
}

// csafStatuses are the product statuses of CSAF 2.0, section 3.2.3.9.
var csafStatuses = map[string]string{
	"known_not_affected": NotAffected, "known_affected": Affected, "first_affected": Affected, "last_affected": Affected,
	"fixed": Fixed, "first_fixed": Fixed, "under_investigation": UnderInvestigation,
	"recommended": "", // says what to use, not what is affected
}

func (d *Document) csaf(data []byte) error {
	var doc csafDocument
	if err := json.Unmarshal(data, &doc); err != nil {
		return jsonError(err)
	}
	d.ID, d.Author = doc.Document.Tracking.ID, doc.Document.Publisher.Name
	when, err := parseTime(doc.Document.Tracking.CurrentReleaseDate, "tracking.current_release_date")
	if err != nil {
		return err
	}
	products := doc.products()
	groups := map[string][]string{}
	for _, g := range doc.ProductTree.ProductGroups {
		groups[g.ID] = g.Products
	}
	var errs []error
	for i, v := range doc.Vulnerabilities {
		ids := nonEmpty(v.CVE)
		for _, id := range v.IDs {
			ids = append(ids, nonEmpty(id.Text)...)
		}
		for _, status := range sortedKeys(v.Status) {
			meaning, ok := csafStatuses[status]
			place := fmt.Sprintf("vulnerability %d (%s), %s", i+1, cmp.Or(v.CVE, "no CVE"), status)
			if !ok {
				errs = append(errs, fmt.Errorf("%s: the product status is unknown", place))
			}
			if meaning == "" {
				continue
			}
			for _, id := range v.Status[status] {
				p, ok := products[id]
				if !ok {
					errs = append(errs, fmt.Errorf("%s: product %q is not in the product tree", place, id))
					continue
				}
				s := Statement{Vulnerabilities: ids, Products: []Product{p}, Status: meaning, Time: when, Place: place}
				s.remarks(id, groups, v.Flags, v.Threats, v.Remediations)
				errs = append(errs, d.add(s))
			}
		}
	}
	return errors.Join(errs...)
}

// remarks finds the justification and the text for one product.
func (s *Statement) remarks(id string, groups map[string][]string, flags, threats, remediations []csafRemark) {
	about := func(r csafRemark) bool {
		return slices.Contains(r.Products, id) || slices.ContainsFunc(r.Groups, func(g string) bool { return slices.Contains(groups[g], id) })
	}
	for _, r := range flags {
		if about(r) && s.Status == NotAffected {
			s.Justification = cmp.Or(s.Justification, r.Label)
		}
	}
	for _, r := range threats {
		if about(r) && r.Category == "impact" {
			s.Text = cmp.Or(s.Text, r.Details)
		}
	}
	for _, r := range remediations {
		if about(r) {
			s.Text = cmp.Or(s.Text, r.Details)
		}
	}
}

// products maps the ids of the product tree to products. A relationship makes
// one out of two: a component within a product.
func (doc *csafDocument) products() map[string]Product {
	names := map[string][]string{}
	add := func(p *csafProduct) {
		if p == nil || p.ID == "" {
			return
		}
		ids := nonEmpty(append([]string{p.Helper.PURL, p.Helper.CPE}, p.Helper.PURLs...)...)
		for _, h := range p.Helper.Hashes {
			for _, f := range h.FileHashes {
				ids = append(ids, strings.ToLower(strings.ReplaceAll(f.Algorithm, "-", "")+":"+f.Value))
			}
		}
		names[p.ID] = append(append(names[p.ID], ids...), nonEmpty(p.Name)...)
	}
	var walk func([]csafBranch, int)
	walk = func(list []csafBranch, depth int) {
		for i := range list {
			add(list[i].Product)
			if depth < maxDepth {
				walk(list[i].Branches, depth+1)
			}
		}
	}
	walk(doc.ProductTree.Branches, 0)
	for i := range doc.ProductTree.FullProductNames {
		add(&doc.ProductTree.FullProductNames[i])
	}
	products := make(map[string]Product, len(names))
	for id, n := range names {
		products[id] = Product{IDs: n}
	}
	// A relationship may build on another.
	for range doc.ProductTree.Relationships {
		changed := false
		for _, r := range doc.ProductTree.Relationships {
			part, ok1 := products[r.Product]
			whole, ok2 := products[r.RelatesTo]
			if _, done := products[r.Full.ID]; done || !ok1 || !ok2 || r.Full.ID == "" {
				continue
			}
			products[r.Full.ID] = Product{IDs: whole.IDs, Subcomponents: [][]string{part.IDs}}
			changed = true
		}
		if !changed {
			break
		}
	}
	return products
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
